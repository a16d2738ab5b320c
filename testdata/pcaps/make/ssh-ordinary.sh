#!/usr/bin/env bash
# Counts false alarms of ssh-tunnel over many ordinary SSH sessions, made now and kept nowhere: typing, commands, scp,
# sftp, rsync, git, multiplexed commands, an agent that is forwarded, with each cipher.
# Usage: HOPSCOPE [SESSIONS [SECONDS]]
. "$(dirname "$0")/ssh.sh"
hopscope=$(realpath "$1") sessions=${2:-1000} seconds=${3:-900}
eval "$(sed -n '/^openssh_typed/,/^openssh_idle/p' "$MAKE/ssh-tunnel-misses.sh")"

sessions_in() { tshark -r "$1" -Y 'tcp.dstport == 22 && tcp.flags.syn == 1 && tcp.flags.ack == 0' 2>/dev/null | wc -l; }

round() { # CIPHER SEED
    local use
    cipher "$1"; ssh_net_up >/dev/null
    SSH+=("${CIPHER[@]}"); RSH="${SSH[*]}"; export SEED=$2
    PCAP=$(mktemp --suffix=.pcap); record
    for use in files rsync git agent piped controlled typed $(printf 'commands %.0s' {1..20}); do "openssh_$use" >/dev/null 2>&1 || true; done
    save
    made=$(sessions_in "$PCAP")
    alarms=$("$hopscope" replay --format json "$PCAP" 2>/dev/null | grep -c '"detector":"ssh-tunnel"' || true)
    echo "$made $alarms"
    if [ "$alarms" -gt 0 ]; then echo "kept $PCAP" >&2; else rm -f "$PCAP"; fi
}

end=$((SECONDS + seconds)) total=0 false=0 n=0
while [ "$total" -lt "$sessions" ] && [ "$SECONDS" -lt "$end" ]; do
    ciphers=(chacha20 gcm etm ctr umac); c=${ciphers[n % 5]}; n=$((n + 1))
    read -r made alarms < <(round "$c" "$n")
    total=$((total + made)) false=$((false + alarms))
    printf '%-9s %4d sessions, %d findings\n' "$c" "$made" "$alarms"
done
printf '%d ordinary sessions, %d findings of ssh-tunnel\n' "$total" "$false"
[ "$false" = 0 ]

#!/usr/bin/env bash
# Captures of ordinary SSH that must be left alone.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/ssh.sh"
DETECTOR=ssh-tunnel

openssh() { # CIPHER USE...
    local use
    cipher "$1"; ssh_net_up
    SSH+=("${CIPHER[@]}"); RSH="${SSH[*]}"
    record; for use in "${@:2}"; do "openssh_$use"; done; save; has '22 [0-9]+ 5353482d'
}

openssh_typed() { on cli $TRAFFIC typed "id|uname -a|ls -la /etc/ssh|cat /etc/hostname|vi|:q|df|exit" "${SSH[@]}" -tt root@$RLY 'bash --norc -i'; }
openssh_commands() {
    local command
    for command in id 'uname -a' 'ls -la /etc' 'head -c 3000 /dev/urandom | base64' true; do on cli "${SSH[@]}" root@$RLY "$command" >/dev/null; done
}
openssh_piped() { # both ways at once, with answers of every size
    on cli python3 -c 'import os, subprocess, sys
p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for n in list(range(1, 20)) + list(range(20, 120, 7)):
    p.stdin.write(os.urandom(n).hex().encode() + b"\n"); p.stdin.flush(); p.stdout.read(n % 11 + 1)
p.stdin.close()' "${SSH[@]}" root@$RLY 'while read -r line; do n=$(( ${#line} / 2 % 11 + 1 )); head -c $n /dev/zero; done'
}
openssh_files() { # scp by both protocols, sftp
    head -c 20000 /dev/urandom >"$W/file"
    on cli scp "${SSH[@]:1}" "$W/file" root@$RLY:$W/put
    on cli scp "${SSH[@]:1}" root@$RLY:/etc/services "$W/got"
    on cli scp -O "${SSH[@]:1}" "$W/file" root@$RLY:$W/put
    printf 'ls -l /etc\nget /etc/passwd %s\ncd /etc\nls\npwd\n' "$W/got" >"$W/batch"
    on cli sftp "${SSH[@]:1}" -b "$W/batch" root@$RLY >/dev/null
}
openssh_rsync() {
    mkdir -p "$W/tree"; local n
    for n in $(seq 40); do head -c $((n * 17)) /dev/urandom >"$W/tree/$n"; done
    on cli rsync -a -e "$RSH" "$W/tree/" "root@$RLY:$W/copy/"
    for n in $(seq 1 5 40); do echo more >>"$W/tree/$n"; done
    on cli rsync -ac --delete -e "$RSH" "$W/tree/" "root@$RLY:$W/copy/"
    on cli rsync -a -e "$RSH" "root@$RLY:$W/copy/" "$W/back/"
}
openssh_git() {
    local git=(git -c init.defaultBranch=main -c user.name=a -c user.email=a@example.test) n
    export GIT_SSH_COMMAND=$RSH HOME=$W GIT_CONFIG_NOSYSTEM=1
    "${git[@]}" init -q --bare "$W/origin.git"; "${git[@]}" init -q "$W/work"
    for n in 1 2 3; do
        head -c 4000 /dev/urandom | base64 >"$W/work/$n"
        "${git[@]}" -C "$W/work" add .; "${git[@]}" -C "$W/work" commit -qm "$n"
        on cli "${git[@]}" -C "$W/work" push -q "root@$RLY:$W/origin.git" HEAD:main
        on cli "${git[@]}" -C "$W/work" fetch -q "root@$RLY:$W/origin.git" main
    done
    on cli "${git[@]}" clone -q "root@$RLY:$W/origin.git" "$W/clone"
    on cli "${git[@]}" -c protocol.version=0 clone -q "root@$RLY:$W/origin.git" "$W/clone0"
    on cli "${git[@]}" ls-remote -q "root@$RLY:$W/origin.git" >/dev/null
}
openssh_controlled() { # as ansible does: one connection for many short commands, some with a script on standard input
    local n control=(-o ControlMaster=auto -o ControlPersist=2 -o "ControlPath=$W/control")
    for n in 1 2 3 4; do
        on cli "${SSH[@]}" "${control[@]}" root@$RLY "/bin/sh -c 'echo ~root && sleep 0'" >/dev/null
        on cli "${SSH[@]}" "${control[@]}" root@$RLY "/bin/sh -c 'umask 77 && mkdir -p /tmp/a$n'" >/dev/null
        head -c 9000 /dev/urandom | base64 | on cli "${SSH[@]}" "${control[@]}" root@$RLY "/bin/sh -c 'cat >/dev/null; echo ok'" >/dev/null
        printf 'put %s /tmp/a%s/b\n' "$W/id.pub" $n | on cli sftp -q -b - "${control[@]}" "${SSH[@]:1}" root@$RLY >/dev/null
    done
    sleep 2.5
}
openssh_agent() { # an agent that is forwarded, and used
    local agent
    agent=$(ssh-agent -a "$W/agent" -s | sed -n 's/.*AGENT_PID=\([0-9]*\).*/\1/p')
    SSH_AUTH_SOCK=$W/agent ssh-add -q "$W/id"
    SSH_AUTH_SOCK=$W/agent on cli "${SSH[@]}" -A root@$RLY 'for i in 1 2 3 4; do ssh-add -l; sleep 0.2; done' >/dev/null
    kill "$agent"
}
openssh_idle() { on cli timeout 8 "${SSH[@]}" -N -o ServerAliveInterval=1 root@$RLY || true; } # nothing is carried
openssh_alive() { on cli "${SSH[@]}" -o ServerAliveInterval=1 root@$RLY 'sleep 5; id' >/dev/null; }
openssh_refused() { # no key that fits
    local n
    ssh-keygen -q -t ed25519 -N '' -f "$W/other"
    for n in 1 2 3 4; do on cli "${SSH[@]}" -i "$W/other" -o IdentitiesOnly=yes -o IdentityFile="$W/other" -o "CertificateFile=none" nobody@$RLY id 2>/dev/null || true; done
}
miss_openssh_chacha20_shell() { openssh chacha20 typed commands piped agent; }
miss_openssh_chacha20_files() { openssh chacha20 files rsync git; }
miss_openssh_chacha20_controlled() { openssh chacha20 controlled idle alive refused; }
miss_openssh_gcm_shell() { openssh gcm typed commands piped agent; }
miss_openssh_gcm_files() { openssh gcm files rsync git; }
miss_openssh_gcm_controlled() { openssh gcm controlled idle alive refused; }
miss_openssh_etm_shell() { openssh etm typed commands piped agent; }
miss_openssh_etm_files() { openssh etm files rsync git; }
miss_openssh_etm_controlled() { openssh etm controlled idle alive refused; }
miss_openssh_ctr_shell() { openssh ctr typed commands piped agent; }
miss_openssh_ctr_files() { openssh ctr files rsync git; }
miss_openssh_ctr_controlled() { openssh ctr controlled idle alive refused; }

miss_openssh_midstream() { # the beginnings are cut off
    openssh chacha20 typed rsync
    local first
    first=$(tshark -r "$PCAP" -Y 'tcp.port == 22 && tcp.len > 0' -T fields -e frame.number 2>/dev/null | sed -n 30p)
    editcap -F pcap "$PCAP" "$PCAP.mid" "1-$first"; mv "$PCAP.mid" "$PCAP"
}

miss_dropbear() {
    ssh_net_up; dropbear_client; dropbear_up rly 2222
    record
    on cli "${DB[@]}" root@$RLY 'id; ls -la /etc' >/dev/null
    on cli $TRAFFIC typed "id|ls|uname -a|exit" "${DB[@]}" -t root@$RLY 'bash --norc -i'
    on cli "${SSH[@]}" -p 2222 root@$RLY 'id; ls -la /etc' >/dev/null
    on cli $TRAFFIC typed "id|ls|uname -a|exit" "${SSH[@]}" -tt -p 2222 root@$RLY 'bash --norc -i'
    on cli scp -O -P 2222 "${SSH[@]:1}" "$W/id.pub" root@$RLY:$W/put
    save; has "$(hex SSH-2.0-dropbear)"
}

miss_asyncssh() {
    local c; ssh_net_up; record
    for c in chacha20 gcm etm ctr; do on cli $PY asyncssh_run "$W/id" $RLY $(names_of $c); done
    save; has "$(hex SSH-2.0-AsyncSSH)"
}

miss_paramiko() { ssh_net_up; record; on cli $PY paramiko_run "$W/id" $RLY; save; has "$(hex SSH-2.0-paramiko)"; }

miss_libssh() {
    local c; ssh_net_up; spawn rly $LIBSSH serve 2222 "$W/hostkey"; up rly 2222; record
    for c in chacha20 gcm etm ctr; do on cli $LIBSSH run "$W/id" $RLY $(names_of $c); done
    on cli "${SSH[@]}" -p 2222 root@$RLY 'id; ls -la /etc' >/dev/null
    on cli "${SSH[@]}" -p 2222 root@$RLY df >/dev/null
    save; has "$(hex SSH-2.0-libssh_)"
}
miss_libssh2() {
    local c; ssh_net_up; record
    for c in chacha20 gcm ctr; do on cli $LIBSSH run2 "$W/id" $RLY $(names_of $c); done
    save; has "$(hex SSH-2.0-libssh2)"
}

miss_putty() {
    ssh_net_up; putty_client; record
    on cli "${PUTTY[@]}" root@$RLY 'id; ls -la /etc' >/dev/null
    on cli $TRAFFIC typed "id|ls|uname -a|exit" "${PUTTY[@]}" -t root@$RLY 'bash --norc -i'
    save; has "$(hex SSH-2.0-PuTTY)"
}

scenarios "$@"

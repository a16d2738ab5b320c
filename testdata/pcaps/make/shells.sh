# Shared by the scripts about command shells: who gives commands, who runs them.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
COMMANDS=('id' 'uname -s' 'ls -l /etc/ssl' 'cat /etc/issue' 'exit')
export HISTFILE=/dev/null

# A shell's commands, a line at a time or key by key, with the pauses of a person in a hurry.
typed() { # PAUSE LINE...
    local pause=$1 line; shift
    sleep 1
    for line in "$@"; do printf '%s\n' "$line"; sleep "$pause"; done
}
keyed() { # LINE...
    local line i
    sleep 1
    for line in "$@"; do
        for ((i = 0; i < ${#line}; i++)); do printf '%s' "${line:i:1}"; sleep "0.$((3 + RANDOM % 9))"; done
        printf '\r'; sleep 0.6
    done
}

operator() { # NS PORT FEEDER... : listens, and gives commands to whoever calls
    local ns=$1 port=$2; shift 2
    (cd / && "$@" | timeout 60 ip netns exec "$P-$ns" nc.openbsd -q 1 -l "$port" >"$W/operator.$port" 2>&1) &
    PIDS+=($!); OPERATOR=$!
    up "$ns" "$port"
}
caller() { # NS ADDRESS PORT FEEDER... : calls a shell that waits, and gives it commands
    local ns=$1 to=$2 port=$3; shift 3
    (cd / && "$@" | timeout 60 ip netns exec "$P-$ns" nc.openbsd -q 1 "$to" "$port" >"$W/caller.$port" 2>&1) || true
}

# A host with the shell: nothing of this machine but its system is in its prompts.
victim() { # NS COMMAND...
    local ns=$1; shift
    (cd / && timeout 40 ip netns exec "$P-$ns" unshare --uts sh -c 'hostname victim; exec "$@"' - \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ TERM=xterm LC_ALL=C HISTFILE=/dev/null "$@" >/dev/null 2>&1 </dev/null) || true
}
reverse() { # FEEDER-WORDS... -- COMMAND... : cli calls out:4444 and runs the shell
    local feeder=()
    while [ "$1" != -- ]; do feeder+=("$1"); shift; done; shift
    net_up; operator out 4444 "${feeder[@]}"
    record in cli out rly; victim cli "$@"; save
}
bind_() { # FEEDER-WORDS... -- COMMAND... : cli calls rly:4444, which runs the shell
    local feeder=()
    while [ "$1" != -- ]; do feeder+=("$1"); shift; done; shift
    net_up; victim rly "$@" & PIDS+=($!); up rly 4444
    record in cli out rly; caller cli $RLY 4444 "${feeder[@]}"; save
}

# Over UDP nobody listens and nobody hangs up: who waits is there when somebody calls, and goes when the script does.
datagram_operator() { # FEEDER... : on out:4444
    (cd / && "$@" | timeout 30 ip netns exec "$P-out" socat -T 15 - UDP-LISTEN:4444 >"$W/operator.4444" 2>&1) & PIDS+=($!)
    waits out 4444
}
waits() { # NS PORT : until something has the port
    local i
    for i in $(seq 100); do
        if on "$1" ss -Hanu "sport = :$2" | grep -q .; then return; fi
        sleep 0.1
    done
    die "nothing waits on $1 port $2"
}
datagrams() { # FEEDER-WORDS... -- COMMAND... : cli calls out:4444 and runs the shell
    local feeder=()
    while [ "$1" != -- ]; do feeder+=("$1"); shift; done; shift
    net_up; record in cli out; datagram_operator "${feeder[@]}"; victim cli timeout 12 "$@"; save
}
has_datagram() { tshark -r "$PCAP" -Y "udp contains \"$1\"" 2>/dev/null | grep -q . || die "$PCAP lacks $1"; }

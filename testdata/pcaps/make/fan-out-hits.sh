#!/usr/bin/env bash
# Captures of relays that begin sessions to many nodes in short succession.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/hops.sh"
DETECTOR=fan-out
COUNT=30

each_target() { # COMMAND... with %t for the address: three at a time, 30 to 60 ms apart
    local n jobs=()
    for n in $(seq 101 $((100 + COUNT))); do
        "${@//%t/198.51.100.$n}" & jobs+=($!)
        sleep "0.0$((RANDOM % 4 + 3))"
        if [ ${#jobs[@]} -ge 3 ]; then wait "${jobs[@]}" || true; jobs=(); fi
    done
    [ ${#jobs[@]} = 0 ] || wait "${jobs[@]}" || true
}
targets_seen() { # HOST : it opened sessions to all the targets
    local n
    n=$(tshark -r "$PCAP" -Y "tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.src == $1 && ip.dst == 198.51.100.0/24" -T fields -e ip.dst 2>/dev/null | sort -u | wc -l)
    [ "$n" -ge "$2" ] || die "$PCAP: $1 reached $n targets only"
}
up_to_here() { net_up; many_targets $COUNT; site_up out; }

hit_proxychains_list() { # proxychains and a list of targets, through a SOCKS relay
    up_to_here; microsocks_up -i $RLY -p 1080
    printf 'strict_chain\nquiet_mode\n[ProxyList]\nsocks5 %s 1080\n' $RLY >"$W/chain"
    record; each_target on cli proxychains4 -q -f "$W/chain" curl -q -s -k -o /dev/null https://%t/300; save
    targets_seen $RLY $COUNT
}

hit_proxychains_nmap() { # a port scan through a SOCKS relay: what the relay does is a scan for another
    up_to_here; microsocks_up -i $RLY -p 1080
    printf 'strict_chain\nquiet_mode\n[ProxyList]\nsocks5 %s 1080\n' $RLY >"$W/chain"
    record; on cli proxychains4 -q -f "$W/chain" nmap -sT -Pn -n -p 80,443 198.51.100.101-$((100 + COUNT)) >/dev/null 2>&1 || true; save
    targets_seen $RLY 20
}

hit_connect_list() {
    up_to_here; tinyproxy_up rly $RLY 8888
    record; each_target on cli curl -q -s -k -o /dev/null --proxy http://$RLY:8888 https://%t/300; save
    targets_seen $RLY $COUNT
}

hit_many_relays() { # one proxy after the other out of a list: every session leaves by another relay
    up_to_here; spawn out microsocks -p 1080; up out 1080; site_up web
    record; each_target on cli curl -q -s -k -o /dev/null --socks5 %t:1080 https://$WEB/300; save
    targets_seen $CLI $COUNT
}

hit_own_handshake_list() { # a relay of our own making, see tools/relays.py
    up_to_here; spawn rly python3 "$TOOLS/relays.py" exit $RLY 6000; up rly 6000
    local n
    for n in $(seq 101 $((100 + COUNT))); do spawn cli python3 "$TOOLS/relays.py" entry 4$n $RLY 6000 198.51.100.$n 443; done
    up cli 4$((100 + COUNT)); sleep 3
    record; for n in $(seq 101 $((100 + COUNT))); do curl_ cli -k --connect-to web.example.test:443:127.0.0.1:4$n https://web.example.test/300; sleep 0.03; done; save
    targets_seen $RLY $COUNT
}

scenarios "$@"

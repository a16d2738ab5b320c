#!/usr/bin/env bash
# Captures of SOCKS relays that must be found.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/lib.sh"
DETECTOR=socks-proxy
GRANTED='05000001[0-9a-f]{12}'

# The session most others are variations of: one http, one https target, by name.
noauth_sessions() {
    curl_ cli --socks5-hostname $RLY:1080 http://web.example.test/
    curl_ cli --socks5-hostname $RLY:1080 https://web.example.test/
}
noauth_net() { net_up; web_up; microsocks_up -i $RLY -p 1080; }

hit_microsocks_noauth() {
    noauth_net; record; noauth_sessions; save
    has " 1080 0502000[12]| 1080 050[0-9a-f]+00"; has '1080 [0-9]+ 0500$'
    has "$(hex web.example.test)0050\$"; has "$(hex web.example.test)01bb\$"; has "1080 [0-9]+ $GRANTED"
}

hit_microsocks_userpass() { # the wrong password first
    net_up; web_up; microsocks_up -i $RLY -p 1080 -u alice -P wonder
    record
    curl_ cli --socks5-hostname alice:guess@$RLY:1080 http://web.example.test/
    curl_ cli --socks5-hostname alice:wonder@$RLY:1080 http://web.example.test/
    save
    has '1080 [0-9]+ 0502$'; has '1080 [0-9]+ 0100$'; has '1080 [0-9]+ 01(0[1-9a-f]|[1-9a-f].)$'; has_text hello
}

hit_microsocks_ipv6() { # over IPv6: an IPv6 literal, then a name
    net_up v6; web_up; microsocks_up -i :: -p 1080
    record
    curl_ cli --socks5-hostname '[2001:db8:2::20]:1080' 'http://[2001:db8:80::80]/'
    curl_ cli --socks5-hostname '[2001:db8:2::20]:1080' http://web6.example.test/
    # and over IPv4 to an IPv6 target
    curl_ cli --socks5-hostname $RLY:1080 'http://[2001:db8:80::80]/'
    save
    has ' 1080 0501000420010db8'; has_text hello
}

hit_microsocks_refused() { # a closed port, a name that is not
    noauth_net; record
    curl_ cli --socks5-hostname $RLY:1080 http://web.example.test:81/
    curl_ cli --socks5-hostname $RLY:1080 http://nowhere.example.test/
    save
    has '1080 [0-9]+ 05050001'; has '1080 [0-9]+ 05(01|04)0001'
}

hit_microsocks_oddport() { # on the port of https
    net_up; web_up; PORT=443 microsocks_up -i $RLY -p 443
    record
    curl_ cli --socks5-hostname $RLY:443 http://web.example.test/
    curl_ cli --socks5-hostname $RLY:443 https://web.example.test/
    save
    has "443 [0-9]+ $GRANTED"; has "$(hex web.example.test)0050\$"
}

hit_microsocks_local_names() { # the client looks up relay and target itself, and asks for an address
    noauth_net; record
    curl_ cli --socks5 relay.example.test:1080 http://web.example.test/
    save
    has ' 1080 05010001c00002500050$'; has_text hello
    [ "$(tshark -r "$PCAP" -Y 'dns.a' 2>/dev/null | wc -l)" -ge 2 ] || die "$PCAP lacks DNS answers"
}

hit_dante_socks4() { # SOCKS4 without and with a user id, then 4a
    net_up; web_up; dante_up
    record
    curl_ cli --socks4 $RLY:1080 http://web.example.test/
    curl_ cli --socks4 alice@$RLY:1080 https://web.example.test/
    curl_ cli --socks4a $RLY:1080 http://web.example.test/
    save
    has ' 1080 04010050c000025000$'; has " 1080 040101bbc0000250$(hex alice)00\$"; has '1080 [0-9]+ 005a'
}

hit_dante_noauth() { # SOCKS5 of another make
    net_up; web_up; dante_up
    record; noauth_sessions
    curl_ cli --socks5 $RLY:1080 http://web.example.test:81/
    save
    has '1080 [0-9]+ 05000001[0-9a-f]{12}$'; has '1080 [0-9]+ 05050001'
}

hit_dante_bind() { # BIND, as an FTP client behind the relay would
    net_up; web_up; dante_up
    record
    on cli python3 "$TOOLS/socks5.py" bind $RLY 1080 $WEB "$W/port" >/dev/null & local client=$!
    for _ in $(seq 50); do [ -s "$W/port" ] && break; sleep 0.1; done
    on web socat -u "EXEC:echo 150 the listing" "TCP:$RLY:$(cat "$W/port")"
    wait $client
    save
    has ' 1080 05020001c0000250'; has "1080 [0-9]+ 050000010a090214"; has '1080 [0-9]+ 05000001c0000250'
    has_text '150 the listing'
}

hit_dante_udp() { # UDP ASSOCIATE with two DNS queries inside, by PySocks
    # (which asks for the NAME "0": ATYP 3, length 1)
    net_up; web_up; dante_up
    record; on cli python3 "$TOOLS/socks5.py" udp $RLY 1080 $DNS 53 >/dev/null; save
    has ' 1080 05030003'; has '1080 [0-9]+ 050000010a090214'
    tshark -r "$PCAP" -Y udp -T fields -e udp.payload 2>/dev/null | grep -q '^00000001c00002350035abcd' || die 'no UDP inside'
}

hit_gssapi() { # method 1: Kerberos, with protection level none, so the request stays readable
    net_up; web_up
    export KRB5_CONFIG=$W/krb5.conf KRB5_KDC_PROFILE=$W/kdc.conf KRB5CCNAME=FILE:$W/ccache
    cat >"$W/krb5.conf" <<END
[libdefaults]
    default_realm = EXAMPLE.TEST
    dns_canonicalize_hostname = false
    rdns = false
[realms]
    EXAMPLE.TEST = {
        kdc = 127.0.0.1
    }
END
    cat >"$W/kdc.conf" <<END
[kdcdefaults]
    kdc_listen = 127.0.0.1:88
    kdc_tcp_listen = 127.0.0.1:88
[realms]
    EXAMPLE.TEST = {
        database_name = $W/principal
        key_stash_file = $W/stash
    }
END
    kdb5_util create -s -P master >/dev/null 2>&1
    kadmin.local addprinc -pw wonder alice >/dev/null 2>&1
    kadmin.local addprinc -randkey rcmd/relay.example.test >/dev/null 2>&1
    kadmin.local ktadd -k "$W/keytab" rcmd/relay.example.test >/dev/null 2>&1
    spawn cli krb5kdc -n; up cli 88
    echo wonder | on cli kinit alice >/dev/null
    KRB5_KTNAME=FILE:$W/keytab spawn rly python3 "$TOOLS/gssapi_socks.py" server $RLY 1080; up rly 1080
    record
    on cli python3 "$TOOLS/gssapi_socks.py" client $RLY 1080 rcmd@relay.example.test web.example.test 80
    save
    has '1080 [0-9]+ 0501$'; has ' 1080 0101'; has '1080 [0-9]+ 0101'
}

hit_ssh_dynamic_socks4a() { # ssh -D on the LAN for another host; ssh itself goes to rl2
    net_up; web_up; sshd_up rl2
    spawn rly "${SSH[@]}" -N -D $RLY:1080 root@$RL2; up rly 1080
    record
    curl_ cli --socks4a $RLY:1080 https://web.example.test/
    curl_ cli --socks5-hostname $RLY:1080 https://web.example.test/
    curl_ cli --socks5 $RLY:1080 http://web.example.test/
    save
    has " 1080 040101bb000000[0-9a-f]{2}00$(hex web.example.test)00"; has '1080 [0-9]+ 005a'; has '1080 [0-9]+ 05000001'
}

hit_proxychains_two_hops() { # SOCKS5 to rly, inside it CONNECT to rl2
    net_up; web_up; microsocks_up -i $RLY -p 1080; tinyproxy_up rl2 $RL2 8888
    printf 'strict_chain\nproxy_dns\n[ProxyList]\nsocks5 %s 1080\nhttp %s 8888\n' $RLY $RL2 >"$W/chain"
    record
    on cli proxychains4 -q -f "$W/chain" curl -q -s -o /dev/null http://web.example.test/
    on cli proxychains4 -q -f "$W/chain" curl -q -s -o /dev/null --cacert "$W/web.crt" https://web.example.test/
    save
    has ' 1080 050100010a09031e22b8'; has " 1080 $(hex 'CONNECT web.example.test:80')"
    has "1080 [0-9]+ $(hex 'HTTP/1.0 200')"
}

hit_microsocks_ssh_inside() {
    net_up; web_up; microsocks_up -i $RLY -p 1080; sshd_up web
    record
    on cli "${SSH[@]}" -o "ProxyCommand=ncat --proxy-type socks5 --proxy $RLY:1080 %h %p" root@$WEB true
    save
    has " 1080 $(hex SSH-2.0-)"; has ' 1080 05010001c00002500016'
}

hit_glued_client() { # greeting and request (and early data) in one segment, to dante
    net_up; web_up; dante_up
    record
    on cli python3 "$TOOLS/socks5.py" glued $RLY 1080 $WEB 80 0 >/dev/null
    on cli python3 "$TOOLS/socks5.py" glued $RLY 1080 web.example.test 80 1 >/dev/null
    save
    has ' 1080 05010005010001c00002500050$'; has " 1080 050100050100.*$(hex GET)"; has_text hello
}

hit_glued_client_ssh() { # the same to ssh -D
    net_up; web_up; sshd_up rl2
    spawn rly "${SSH[@]}" -N -D $RLY:1080 root@$RL2; up rly 1080
    record
    on cli python3 "$TOOLS/socks5.py" glued $RLY 1080 $WEB 80 0 >/dev/null
    on cli python3 "$TOOLS/socks5.py" glued $RLY 1080 web.example.test 80 1 >/dev/null
    save
    has ' 1080 05010005010001c00002500050$'; has_text hello
}

hit_reverse_socks() { # cli opens the connection outwards and then SERVES socks on it
    local n
    net_up; web_up; spawn cli microsocks -i 127.0.0.1 -p 1080; up cli 1080
    record
    for n in 1 2; do
        spawn out socat TCP-LISTEN:8443,reuseaddr TCP-LISTEN:1080,bind=127.0.0.1,reuseaddr; up out 8443
        spawn cli socat TCP:$OUT:8443 TCP:127.0.0.1:1080; up out 1080
        curl_ out --socks5 127.0.0.1:1080 http://$WEB/
        sleep 0.3
    done
    save
    has '8443 [0-9]+ 050100010*c00002500050$'; has ' 8443 0500$'; has " 8443 $GRANTED"
}

hit_midstream() { # begins after the handshake of the first session; the second is whole
    local first
    noauth_net; record; noauth_sessions; save
    first=$(segments -e frame.number | grep -E "^1080 [0-9]+ $GRANTED " | head -1 | awk '{print $4}')
    mv "$PCAP" "$W/whole"
    editcap -F pcap "$W/whole" "$PCAP" "1-$first"
    lacks "$(hex web.example.test)0050\$"; has "$(hex web.example.test)01bb\$"; has_text hello
}

hit_snap96() { # 96 bytes of each frame
    noauth_net; record; noauth_sessions; save
    mv "$PCAP" "$W/whole"; editcap -F pcap -s 96 "$W/whole" "$PCAP"
    has "$(hex web.example.test)0050\$"; has "1080 [0-9]+ $GRANTED"
}

hit_span_duplicates() { # a mirror port that sees both sides of the router: MACs and TTL differ
    noauth_net; record inout; noauth_sessions; save
    has "1080 [0-9]+ $GRANTED"
}

hit_span_copies() { # the very same frames once more, 20 us later
    noauth_net; record; noauth_sessions; save
    mv "$PCAP" "$W/once"; editcap -F pcap -t 0.00002 "$W/once" "$W/again"
    mergecap -F pcap -w "$PCAP" "$W/once" "$W/again"
    has "1080 [0-9]+ $GRANTED"
}

hit_qinq() { # cli reaches the router through two VLAN tags (tools/tunnel.py)
    noauth_net
    spawn cli python3 "$TOOLS/tunnel.py" qinq eth0 tag0; spawn rt python3 "$TOOLS/tunnel.py" qinq cli tag0
    sleep 0.5
    on cli ip addr flush dev eth0; on rt ip addr flush dev cli
    on rt ip addr add 10.9.1.1/24 dev tag0; on rt ip link set tag0 up mtu 1492
    on cli ip addr add $CLI/24 dev tag0; on cli ip link set tag0 up mtu 1492
    on cli ip route add default via 10.9.1.1
    record inout cli; noauth_sessions; save
    has "1080 [0-9]+ $GRANTED"
    tcpdump -e -n -r "$PCAP" 2>/dev/null | grep -q '802.1Q-QinQ.*vlan 100.*vlan 20' || die 'no tags'
}

# An overlay of cli and rly, 10.77.0.10 and 10.77.0.20, across the router.
overlay_sessions() {
    microsocks_up -i 10.77.0.20 -p 1080
    record
    curl_ cli --socks5-hostname 10.77.0.20:1080 http://web.example.test/
    curl_ cli --socks5-hostname 10.77.0.20:1080 https://web.example.test/
    save
    has "$(hex web.example.test)0050\$"; has "1080 [0-9]+ $GRANTED"
}

hit_vxlan() {
    net_up; web_up
    on cli ip link add vx0 type vxlan id 5 local $CLI remote $RLY dstport 4789
    on rly ip link add vx0 type vxlan id 5 local $RLY remote $CLI dstport 4789
    on cli ip addr add 10.77.0.10/24 dev vx0; on cli ip link set vx0 up
    on rly ip addr add 10.77.0.20/24 dev vx0; on rly ip link set vx0 up
    overlay_sessions
    tcpdump -n -r "$PCAP" udp port 4789 2>/dev/null | grep -q VXLAN || die 'no VXLAN'
}

hit_gre() { # GRE by tools/tunnel.py
    net_up; web_up
    spawn cli python3 "$TOOLS/tunnel.py" gre $CLI $RLY gre0; spawn rly python3 "$TOOLS/tunnel.py" gre $RLY $CLI gre0
    sleep 0.5
    on cli ip addr add 10.77.0.10/24 dev gre0; on cli ip link set gre0 up mtu 1476
    on rly ip addr add 10.77.0.20/24 dev gre0; on rly ip link set gre0 up mtu 1476
    overlay_sessions
    tcpdump -n -r "$PCAP" proto gre 2>/dev/null | grep -q GREv0 || die 'no GRE'
}

scenarios "$@"

#!/usr/bin/env bash
# Captures of chains of relays that must be found.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/hops.sh"
DETECTOR=multi-hop

chained() { # PROXY... : curl, ssh and random bytes through proxychains
    { printf 'strict_chain\nproxy_dns\nquiet_mode\n[ProxyList]\n'; printf '%s\n' "$@"; } >"$W/chain"
    local p="proxychains4 -q -f $W/chain"
    on cli $p curl -q -s -o /dev/null 'http://web.example.test/{300,3000}'
    on cli $p curl -q -s -o /dev/null --cacert "$W/web.crt" 'https://web.example.test/{6000,1500}'
    on cli $p "${SSH[@]}" root@$WEB id >/dev/null
    on cli $p $TRAFFIC raw_client $WEB 7007 5
}

hit_proxychains_two_socks() {
    net_up; targets_up web; microsocks_up -i $RLY -p 1080; PORT=1081 NS=rl2 microsocks_up -i $RL2 -p 1081
    record; chained "socks5 $RLY 1080" "socks5 $RL2 1081"; save
    echoed 1080 1081; echoed 1081 443; echoed 1081 7007
}

three_proxies() {
    net_up; extra_host_up rl3 $RL3 40; targets_up web
    dante_up; PORT=1081 NS=rl2 microsocks_up -i $RL2 -p 1081; tinyproxy_up rl3 $RL3 8888
}
three_sessions() { chained "socks4 $RLY 1080" "socks5 $RL2 1081" "http $RL3 8888"; }

hit_proxychains_three() { # SOCKS4, SOCKS5, CONNECT
    three_proxies; record; three_sessions; save
    echoed 1080 1081; echoed 1081 8888; echoed 8888 443; echoed 8888 7007
}

hit_proxychains_three_snap96() {
    three_proxies; record; three_sessions; save; rewrite editcap -F pcap -s 96 "$W/whole" %out
}

hit_proxychains_three_span_copies() {
    three_proxies; record; three_sessions; save
    rewrite editcap -F pcap -t 0.00002 "$W/whole" "$W/again"; mergecap -F pcap -w "$PCAP" "$W/whole" "$W/again"
}

hit_socks_in_connect() {
    net_up; targets_up web; tinyproxy_up rly $RLY 8888; NS=rl2 microsocks_up -i $RL2 -p 1080
    record; chained "http $RLY 8888" "socks5 $RL2 1080"; save
    has_text "CONNECT $RL2:1080"; echoed 8888 1080; echoed 1080 443
}

hit_squid_parent() { # squid on rly asks tinyproxy on rl2
    net_up; targets_up web; tinyproxy_up rl2 $RL2 8888
    squid_up rly $RLY:3128 "cache_peer $RL2 parent 8888 0 no-query default" 'never_direct allow all'
    record
    curl_ cli --proxy http://$RLY:3128 'https://web.example.test/{300,6000}'
    curl_ cli --proxy http://$RLY:3128 https://web.example.test/1500
    curl_ cli --proxy http://$RLY:3128 http://web.example.test/3000
    save; echoed 3128 8888; echoed 8888 443
}

hit_privoxy_socks() { # privoxy on rly goes on by SOCKS to rl2
    net_up; targets_up web; NS=rl2 microsocks_up -i $RL2 -p 1080
    printf 'listen-address %s:8118\nconfdir /etc/privoxy\nlogdir %s\nforward-socks5 / %s:1080 .\n' $RLY "$W" $RL2 >"$W/privoxy.conf"
    spawn rly privoxy --no-daemon "$W/privoxy.conf"; up rly 8118
    record
    curl_ cli --proxy http://$RLY:8118 'https://web.example.test/{300,6000}'
    curl_ cli --proxy http://$RLY:8118 http://web.example.test/3000
    save; echoed 8118 1080; echoed 1080 443
}

hit_socat_two() {
    net_up; targets_up web; socat_up rl2 $WEB; socat_same rly $RL2
    record; inner $RLY; save; echoed_all
}
socat_same() { # NS TARGET : to the same ports
    local f
    for f in "${FORWARDS[@]}"; do spawn "$1" socat "TCP4-LISTEN:${f%:*},fork,reuseaddr" "TCP4:$2:${f%:*}"; up "$1" "${f%:*}"; done
}

three_socats() {
    net_up; extra_host_up rl3 $RL3 40; targets_up web; socat_up rl3 $WEB; socat_same rl2 $RL3; socat_same rly $RL2
    record; inner $RLY; save; echoed_all
}

hit_socat_three() { three_socats; }

hit_socat_three_leg_unseen() { # rl2 to rl3 goes where nobody listens
    three_socats; rewrite tcpdump -r "$W/whole" -w %out "not (host $RL2 and host $RL3)"
}

hit_redir_two() {
    local f
    net_up; targets_up web
    for f in "${FORWARDS[@]}"; do
        spawn rl2 redir -n -s "$RL2:${f%:*}" "$WEB:${f#*:}"; spawn rly redir -n -s "$RLY:${f%:*}" "$RL2:${f%:*}"
        up rl2 "${f%:*}"; up rly "${f%:*}"
    done
    record; inner $RLY; save; echoed_all
}

hit_four_kinds() { # iptables, haproxy, rinetd, each on a host of its own
    local f
    net_up; extra_host_up rl3 $RL3 40; targets_up web
    on rly sysctl -qw net.ipv4.ip_forward=1
    on rly iptables -t nat -A PREROUTING -p tcp -d $RLY -j DNAT --to-destination $RL2
    on rly iptables -t nat -A POSTROUTING -d $RL2 -j MASQUERADE
    { printf 'defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n'
      for f in "${FORWARDS[@]}"; do printf 'listen l%s\n    bind :%s\n    server s %s:%s\n' "${f%:*}" "${f%:*}" $RL3 "${f%:*}"; done
    } >"$W/haproxy.conf"
    spawn rl2 haproxy -db -f "$W/haproxy.conf"; up rl2 4443
    for f in "${FORWARDS[@]}"; do echo "$RL3 ${f%:*} $WEB ${f#*:}"; done >"$W/rinetd.conf"
    spawn rl3 rinetd -f -c "$W/rinetd.conf"; up rl3 4443
    record; inner $RLY; save; echoed_all
}

hit_stunnel_between() { # plain to rly, TLS from rly to rl2, plain to web
    net_up; targets_up web
    stunnel_up rl2 "accept = $RL2:9443" "connect = $WEB:7007" "cert = $W/web.crt" "key = $W/web.key"; up rl2 9443
    stunnel_up rly "client = yes" "accept = $RLY:7070" "connect = $RL2:9443"; up rly 7070
    record; visit_raw $RLY cli 20; visit_raw $RLY cli 8; save
    echoed 7070 7007; apart 7070 9443
}

hit_ssh_jump_two() { # ssh -J rly,rl2 to web
    net_up; sshd_up rly; sshd_up rl2; sshd_up web; ssh_config
    record
    on cli ssh -F "$W/ssh_config" -J root@$RLY,root@$RL2 root@$WEB 'for i in 1 2 3 4 5 6; do head -c ${i}00 /dev/urandom | base64; sleep 0.3; done' >/dev/null
    save; busy $RLY $RL2 20; busy $RL2 $WEB 20
}

hit_ssh_stepping_stones() { # typed: ssh to rly, from there to rl2, from there to web
    net_up; sshd_up rly; sshd_up rl2; sshd_up web; ssh_config
    record
    on cli $TRAFFIC typed "ssh -F $W/ssh_config root@$RL2|ssh -F $W/ssh_config root@$WEB|id|uname -a|ls /etc|df /|who|exit|exit|exit" \
        "${SSH[@]}" -tt root@$RLY 'bash --norc -i'
    save; busy $RLY $RL2 60; busy $RL2 $WEB 60
}

hit_ssh_local_then_socat() { # ssh -L to rly; rl2 is a socat
    net_up; targets_up web; sshd_up rly; socat_up rl2 $WEB
    record
    spawn cli "${SSH[@]}" -N -L 4443:$RL2:4443 root@$RLY; up cli 4443; sleep 0.5
    local n; for n in 300 1500 300 3000 1500 300 6000 300; do curl_ cli --connect-to web.example.test:443:127.0.0.1:4443 https://web.example.test/$n; sleep "0.$((RANDOM % 5 + 2))"; done
    save; echoed 4443 443; apart 22 4443
}

hit_ssh_dynamic_then_socks() { # ssh -D to rly, inside it SOCKS to rl2
    net_up; targets_up web; sshd_up rly; NS=rl2 PORT=1081 microsocks_up -i $RL2 -p 1081
    record
    spawn cli "${SSH[@]}" -N -D 1080 root@$RLY; up cli 1080; sleep 0.5
    chained "socks5 127.0.0.1 1080" "socks5 $RL2 1081"; sleep 0.4
    chained "socks5 127.0.0.1 1080" "socks5 $RL2 1081"
    save; echoed 1081 443
}

scenarios "$@"

#!/usr/bin/env bash
# Captures of relays that must be found.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/hops.sh"
DETECTOR=relay
WEBSOCAT=${WEBSOCAT:-websocat} WSTUNNEL=${WSTUNNEL:-wstunnel}
QUIC_PYTHON=${QUIC_PYTHON:-python3} # one that has aioquic

hit_socat() {
    net_up; targets_up web; socat_up rly $WEB
    record; inner $RLY; save; echoed_all
}

hit_socat_dual_stack() { # the client comes by IPv6, the second leg is IPv4
    net_up v6; targets_up web; socat_up rly $WEB TCP6
    record; inner '[2001:db8:2::20]'; save; echoed_all
}

hit_ncat() { # a new ncat for each connection, by -c and by --sh-exec
    local f how
    net_up; targets_up web
    for f in "${FORWARDS[@]}"; do
        how=--sh-exec; [ "${f#*:}" != 443 ] || how=-c
        spawn rly ncat -l -k "${f%:*}" $how "ncat $WEB ${f#*:}"; up rly "${f%:*}"
    done
    record; inner $RLY; save; echoed_all
}

hit_rinetd() {
    local f
    net_up; targets_up web
    for f in "${FORWARDS[@]}"; do echo "$RLY ${f%:*} $WEB ${f#*:}"; done >"$W/rinetd.conf"
    spawn rly rinetd -f -c "$W/rinetd.conf"; up rly 4443
    record; inner $RLY; save; echoed_all
}

hit_nginx_stream() {
    local f
    net_up; targets_up web
    { echo "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"
      echo "daemon off; master_process off; pid $W/stream.pid; error_log $W/stream.err; events {} stream {"
      for f in "${FORWARDS[@]}"; do echo "server { listen ${f%:*}; proxy_pass $WEB:${f#*:}; }"; done
      echo "}"; } >"$W/stream.conf"
    spawn rly nginx -e stderr -p "$W" -c "$W/stream.conf"; up rly 4443
    record; inner $RLY; save; echoed_all
}

haproxy_up() { # NS TARGET SERVER-OPTIONS LISTEN:TARGET-PORT...
    local f ns=$1 target=$2 options=$3; shift 3
    { printf 'global\n    maxconn 100\ndefaults\n    mode tcp\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n'
      for f in "$@"; do printf 'listen l%s\n    bind :%s\n    server s %s:%s %s\n' "${f%:*}" "${f%:*}" "$target" "${f#*:}" "$options"; done
    } >"$W/haproxy.$ns.conf"
    spawn "$ns" haproxy -db -f "$W/haproxy.$ns.conf"; up "$ns" 4443
}

hit_haproxy_tcp() {
    net_up; targets_up web; haproxy_up rly $WEB '' "${FORWARDS[@]}"
    record; inner $RLY; save; echoed_all
}

hit_haproxy_proxy_v1() { # the relay names the client in a line of text
    net_up; targets_up web; haproxy_up rly $WEB send-proxy 8080:81 4443:8443
    record; visit_http $RLY; visit_https $RLY; save
    has_text "PROXY TCP4 $CLI $RLY "
}

hit_haproxy_proxy_v2() {
    net_up; targets_up web; haproxy_up rly $WEB send-proxy-v2 8080:81 4443:8443
    record; visit_http $RLY; visit_https $RLY; save
    has ' 8443 0d0a0d0a000d0a515549540a2111000c0a09010a0a090214'
}

dnat_up() { # rly hands the ports on in the kernel, with another source address
    local f
    on rly sysctl -qw net.ipv4.ip_forward=1
    for f in "${FORWARDS[@]}"; do
        on rly iptables -t nat -A PREROUTING -p tcp -d $RLY --dport "${f%:*}" -j DNAT --to-destination "$WEB:${f#*:}"
    done
    on rly iptables -t nat -A POSTROUTING -d $WEB -j MASQUERADE
}

hit_iptables_dnat() {
    net_up; targets_up web; dnat_up
    record; inner $RLY; save; echoed_all
}

hit_iptables_redirect() { # to a socat on other ports of rly, which the wire does not show
    local f
    net_up; targets_up web
    for f in "${FORWARDS[@]}"; do
        on rly iptables -t nat -A PREROUTING -p tcp -d $RLY --dport "${f%:*}" -j REDIRECT --to-ports "1${f%:*}"
        spawn rly socat "TCP4-LISTEN:1${f%:*},fork,reuseaddr" "TCP4:$WEB:${f#*:}"; up rly "1${f%:*}"
    done
    record; inner $RLY; save; echoed_all
}

hit_nft_dnat() { # one rule with a map, and masquerade
    net_up; targets_up web
    on rly sysctl -qw net.ipv4.ip_forward=1
    on rly nft -f - <<-RULES
	table ip relay {
	    chain before {
	        type nat hook prerouting priority dstnat;
	        ip daddr $RLY dnat to tcp dport map { 8080 : $WEB . 80, 4443 : $WEB . 443, 2222 : $WEB . 22, 7070 : $WEB . 7007 }
	    }
	    chain after {
	        type nat hook postrouting priority srcnat;
	        ip daddr $WEB masquerade
	    }
	}
	RULES
    record; inner $RLY; save; echoed_all
}

hit_redsocks() { # rly is the gateway of a LAN and hands all TCP to a SOCKS relay: leg 1 names web, not rly
    net_up; targets_up web; NS=rl2 microsocks_up -i $RL2 -p 1080
    gateway_up
    printf 'base { log_info = off; daemon = off; redirector = iptables; }\nredsocks { local_ip = 10.9.22.1; local_port = 12345; ip = %s; port = 1080; type = socks5; }\n' $RL2 >"$W/redsocks.conf"
    spawn rly redsocks -c "$W/redsocks.conf"; up rly 12345
    on rly iptables -t nat -A PREROUTING -i lan -p tcp -j REDIRECT --to-ports 12345
    record; also rly lan inout
    curl_ lan http://$WEB/300; curl_ lan https://$WEB/6000
    on lan "${SSH[@]}" root@$WEB id >/dev/null
    on lan $TRAFFIC raw_client $WEB 7007 6
    save; has ' 1080 05010001c000025001bb|05010001c000025001bb'; echoed 443 1080; echoed 22 1080; echoed 7007 1080
}

# --- SSH ----------------------------------------------------------------------

fetches() { # NS CURL-OPTIONS... : nine pages, with a person's pauses
    local size ns=$1; shift
    for size in 300 1500 300 3000 1500 300 6000 300 1500; do
        curl_ "$ns" "$@" https://web.example.test/$size
        sleep "0.$((RANDOM % 6 + 2))"
    done
}

hit_ssh_local() { # ssh -L: the legs share no bytes
    net_up; targets_up web; sshd_up rly
    record
    spawn cli "${SSH[@]}" -N -L 4443:$WEB:443 root@$RLY; up cli 4443; sleep 0.5
    fetches cli --connect-to web.example.test:443:127.0.0.1:4443
    save; has '22 [0-9]+ '; has ' 443 1603'; apart 22 443
}

hit_ssh_local_raw() { # ssh -L, one long session of many small messages
    net_up; targets_up web; sshd_up rly
    record
    spawn cli "${SSH[@]}" -N -L 7070:$WEB:7007 root@$RLY; up cli 7070; sleep 0.5
    visit_raw 127.0.0.1 cli 40
    save; has ' 7007 '; apart 22 7007
}

hit_ssh_dynamic() { # ssh -D: rly looks the names up
    net_up; targets_up web; sshd_up rly
    record
    spawn cli "${SSH[@]}" -N -D 1080 root@$RLY; up cli 1080; sleep 0.5
    fetches cli --socks5-hostname 127.0.0.1:1080
    curl_ cli --socks5-hostname 127.0.0.1:1080 http://web.example.test/3000
    save; has ' 443 1603'; apart 22 443
}

hit_ssh_remote() { # ssh -R: cli joins out and rly; at out, the hub, both legs are inbound
    net_up; targets_up rly; sshd_up out "GatewayPorts yes"
    record
    spawn cli "${SSH[@]}" -N -R 0.0.0.0:4443:$RLY:443 root@$OUT; up out 4443; sleep 0.5
    fetches web --connect-to web.example.test:443:$OUT:4443
    save; has ' 4443 1603'; echoed 4443 443
}

# An agent: cli called both sides, out is where somebody comes in by the loopback, and rly is what is behind cli.
typed_at_out() {
    local line lines=(id 'seq 30' 'ls /usr/share/common-licenses' 'head -15 /usr/share/common-licenses/BSD' 'echo done with it' 'help pwd' 'seq 9' exit)
    for line in "${lines[@]}"; do sleep "$((RANDOM % 2)).$((RANDOM % 4 + 6))"; echo "$line"; done |
        on out "${SSH[@]}" -tt -p 2222 root@127.0.0.1 'bash --norc -i' >/dev/null
}

hit_agent_ssh() { # ssh -R, typed
    net_up; sshd_up rly; sshd_up out
    record
    spawn cli "${SSH[@]}" -N -R 127.0.0.1:2222:$RLY:22 root@$OUT; up out 2222; sleep 1
    typed_at_out; save; busy $CLI $RLY 40
}

hit_agent_ssh_dynamic() { # ssh -R without a target: SOCKS at out, nine TLS sessions
    net_up; targets_up rly; sshd_up out
    record
    spawn cli "${SSH[@]}" -N -R 127.0.0.1:1080 root@$OUT; up out 1080; sleep 1
    fetches out --socks5 127.0.0.1:1080 --connect-to "web.example.test:443:$RLY:443"; save; has ' 443 1603'
}

hit_agent_tls() { # socat between a session in TLS and one to an SSH server, typed
    net_up; certificate; sshd_up rly
    spawn out socat "OPENSSL-LISTEN:8443,reuseaddr,cert=$W/web.crt,key=$W/web.key,verify=0" TCP4-LISTEN:2222,bind=127.0.0.1,reuseaddr; up out 8443
    record
    spawn cli socat "OPENSSL:$OUT:8443,verify=0" "TCP4:$RLY:22"; up out 2222; sleep 1
    typed_at_out; save; has '^[0-9]+ 8443 1603'; busy $CLI $RLY 40
}

hit_ssh_jump() { # ssh -J: SSH in SSH to rly, plain SSH from there
    net_up; targets_up web; sshd_up rly
    record
    ssh_config
    on cli ssh -F "$W/ssh_config" -J root@$RLY root@$WEB 'for i in 1 2 3 4 5 6; do head -c ${i}00 /dev/urandom | base64; sleep 0.3; done' >/dev/null
    on cli ssh -F "$W/ssh_config" -J root@$RLY root@$WEB id >/dev/null
    save; busy $RLY $WEB 30
}

hit_ptunnel() { # TCP in the data of ICMP echo requests and replies to rly, plain from there
    net_up; targets_up web; spawn rly ptunnel; sleep 1
    record
    spawn cli ptunnel -p $RLY -lp 2222 -da $WEB -dp 22; up cli 2222; sleep 0.5
    visit_ssh 127.0.0.1
    save; has ' 22 5353482d'; tcpdump -n -r "$PCAP" icmp 2>/dev/null | grep -q 'echo request' || die "$PCAP: no echo requests"
}

# --- proxies that take a target -------------------------------------------------

through_proxy() { # CURL-OPTION-AND-URL... ; ssh through ncat with the options in $NCAT
    curl_ cli "$@" 'http://web.example.test/{300,3000}'
    curl_ cli "$@" https://web.example.test/300
    curl_ cli "$@" 'https://web.example.test/{6000,1500}'
    [ -z "$NCAT" ] || on cli timeout 10 "${SSH[@]}" -o "ProxyCommand=ncat $NCAT %h %p" root@web.example.test id >/dev/null
}

hit_microsocks_names() {
    net_up; targets_up web; microsocks_up -i $RLY -p 1080
    record; NCAT="--proxy-type socks5 --proxy-dns remote --proxy $RLY:1080" through_proxy --socks5-hostname $RLY:1080; save
    has "$(hex web.example.test)0050\$"; echoed 1080 443; echoed 1080 22
}

hit_dante_names() {
    net_up; targets_up web; dante_up
    record; NCAT="--proxy-type socks5 --proxy-dns remote --proxy $RLY:1080" through_proxy --socks5-hostname $RLY:1080; save
    has "$(hex web.example.test)0050\$"; echoed 1080 443; echoed 1080 22
}

hit_tinyproxy() {
    net_up; targets_up web; tinyproxy_up rly $RLY 8888
    record; NCAT="--proxy-type http --proxy-dns remote --proxy $RLY:8888" through_proxy --proxytunnel --proxy http://$RLY:8888; save
    has_text 'CONNECT web.example.test:443'; echoed 8888 443; echoed 8888 22
}

hit_squid() {
    net_up; targets_up web; squid_up rly $RLY:3128
    record; NCAT='' through_proxy --proxy http://$RLY:3128; save
    has_text 'CONNECT web.example.test:443'; echoed 3128 443
}

hit_privoxy() {
    net_up; targets_up web; privoxy_up
    record; NCAT="--proxy-type http --proxy-dns remote --proxy $RLY:8118" through_proxy --proxy http://$RLY:8118; save
    has_text 'CONNECT web.example.test:443'; echoed 8118 443; echoed 8118 22
}

hit_connect_many_clients() { # three clients at the same time through one CONNECT proxy
    local n ns jobs
    net_up; targets_up web; tinyproxy_up rly $RLY 8888
    record
    for n in 15 30 3; do
        jobs=()
        for ns in cli rl2 out; do curl_ $ns --proxy http://$RLY:8888 https://web.example.test/${n}00 & jobs+=($!); done
        wait "${jobs[@]}"; sleep 0.2
    done
    save; echoed 8888 443
}

# --- tunnels ----------------------------------------------------------------------

hit_wstunnel_node() {
    net_up; targets_up web
    spawn rly "$WSTUNNEL" -s $RLY:8088; up rly 8088
    spawn cli "$WSTUNNEL" -t "127.0.0.1:4443:$WEB:443" ws://$RLY:8088; up cli 4443
    record; visit_https 127.0.0.1; fetches cli --connect-to web.example.test:443:127.0.0.1:4443; save
    has ' 443 1603'; has "8088 [0-9]+ $(hex 'HTTP/1.1 101 ')"
}

hit_websocat() {
    net_up; targets_up web
    spawn rly "$WEBSOCAT" -b ws-l:$RLY:8088 tcp:$WEB:443; up rly 8088
    spawn cli "$WEBSOCAT" -b tcp-l:127.0.0.1:4443 ws://$RLY:8088/; up cli 4443
    record; visit_https 127.0.0.1; save
    has ' 443 1603'; has "8088 [0-9]+ $(hex 'HTTP/1.1 101 ')"
}

hit_stunnel_unwraps() { # TLS to rly, plain bytes from there
    net_up; targets_up web
    stunnel_up rly "accept = $RLY:9443" "connect = $WEB:7007" "cert = $W/web.crt" "key = $W/web.key"; up rly 9443
    spawn cli socat TCP4-LISTEN:7070,fork,reuseaddr "OPENSSL:$RLY:9443,verify=0"; up cli 7070
    record; visit_raw 127.0.0.1 cli 40; visit_raw 127.0.0.1 cli 25; save
    has ' 9443 1603'; has ' 7007 '; apart 9443 7007
}

hit_stunnel_wraps() { # plain bytes to rly, TLS from there
    net_up; targets_up web
    spawn web socat "OPENSSL-LISTEN:9443,fork,reuseaddr,cert=$W/web.crt,key=$W/web.key,verify=0" TCP4:127.0.0.1:7007; up web 9443
    stunnel_up rly "client = yes" "accept = $RLY:7070" "connect = $WEB:9443"; up rly 7070
    record; visit_raw $RLY cli 40; visit_raw $RLY cli 25; save
    has ' 9443 1603'; apart 7070 9443
}

hit_tls_socks() { # SOCKS inside TLS to rly; the targets are looked up and opened from there
    net_up; targets_up web; microsocks_up -i 127.0.0.1 -p 1080
    stunnel_up rly "accept = $RLY:9443" "connect = 127.0.0.1:1080" "cert = $W/web.crt" "key = $W/web.key"; up rly 9443
    spawn cli socat TCP4-LISTEN:1080,fork,reuseaddr "OPENSSL:$RLY:9443,verify=0"; up cli 1080
    record; fetches cli --socks5-hostname 127.0.0.1:1080; save
    has ' 9443 1603'; has ' 443 1603'; apart 9443 443
}

hit_websocket_inside() { # a WebSocket through socat: its key is on both legs
    net_up; spawn web python3 "$TOOLS/websocket.py" chat 0.0.0.0 8080; up web 8080
    spawn rly socat TCP4-LISTEN:8088,fork,reuseaddr TCP4:$WEB:8080; up rly 8088
    record; on cli python3 "$TOOLS/websocket.py" chat_client ws://$RLY:8088/chat; on cli python3 "$TOOLS/websocket.py" chat_client ws://$RLY:8088/chat; save
    echoed 8088 8080; has_text 'Sec-WebSocket-Key'
}

# --- relays of our own making ------------------------------------------------------

hit_own_handshake() { # 16 random bytes, a masked target, an answer; then the bytes as they are
    net_up; targets_up web
    spawn rly python3 "$TOOLS/relays.py" exit $RLY 6000; up rly 6000
    local f
    for f in "${FORWARDS[@]}"; do
        spawn cli python3 "$TOOLS/relays.py" entry "${f%:*}" $RLY 6000 $WEB "${f#*:}"; up cli "${f%:*}"
    done
    record; inner 127.0.0.1; save
    for f in "${FORWARDS[@]}"; do echoed 6000 "${f#*:}"; done
}

hit_slow() { # every piece 50 to 200 ms late, and cut anew
    local f
    net_up; targets_up web
    for f in "${FORWARDS[@]}"; do
        spawn rly python3 "$TOOLS/relays.py" slow $RLY "${f%:*}" $WEB "${f#*:}"; up rly "${f%:*}"
    done
    record; inner $RLY; visit_raw $RLY cli 20; save
    has ' 443 1603'; has ' 4443 1603'
}

TYPING='id|seq 30|ls /usr/share/common-licenses|head -15 /usr/share/common-licenses/BSD|echo done with it|help pwd|exit'

hit_typed_socat() { # a shell on web, typed at through rly
    net_up; spawn web socat TCP4-LISTEN:2323,fork,reuseaddr EXEC:'bash --norc -i',pty,stderr,setsid,ctty; up web 2323
    spawn rly socat TCP4-LISTEN:2300,fork,reuseaddr TCP4:$WEB:2323; up rly 2300
    record; on cli $TRAFFIC typed "$TYPING" socat -,raw,echo=0 TCP4:$RLY:2300; save
    has ' 2300 69$'; has ' 2323 69$'
}

hit_typed_stepping_stone() { # ssh to rly, and typed there: ssh to web, and typed there
    net_up; sshd_up rly; sshd_up web
    ssh_config
    record
    on cli $TRAFFIC typed "uname -n|ssh -F $W/ssh_config root@$WEB|$TYPING|exit" "${SSH[@]}" -tt root@$RLY 'bash --norc -i'
    save; busy $RLY $WEB 60
}

hit_typed_through_jump() { # ssh -J, typed
    net_up; sshd_up rly; sshd_up web
    ssh_config
    record; on cli $TRAFFIC typed "$TYPING" ssh -F "$W/ssh_config" -tt -J root@$RLY root@$WEB 'bash --norc -i'; save; busy $RLY $WEB 60
}

hit_typed_stunnel() { # a shell in TLS to rly, plain from there
    net_up; certificate
    spawn web socat TCP4-LISTEN:2323,fork,reuseaddr EXEC:'bash --norc -i',pty,stderr,setsid,ctty; up web 2323
    stunnel_up rly "accept = $RLY:9443" "connect = $WEB:2323" "cert = $W/web.crt" "key = $W/web.key"; up rly 9443
    record; on cli $TRAFFIC typed "$TYPING" socat -,raw,echo=0 "OPENSSL:$RLY:9443,verify=0"; save
    has ' 9443 1703'; has ' 2323 69$'
}

# --- UDP ----------------------------------------------------------------------------

hit_udp_socat() { # random datagrams as QUIC's, and DNS queries, through rly
    local n
    net_up; spawn web $TRAFFIC udp_server 4433; sleep 0.3
    spawn rly socat -T 10 UDP4-LISTEN:4433,fork,reuseaddr UDP4:$WEB:4433
    spawn rly socat -T 10 UDP4-LISTEN:53,fork,reuseaddr UDP4:$DNS:53; sleep 0.3
    record
    on cli $TRAFFIC udp_client $RLY 4433 10; on cli $TRAFFIC udp_client $RLY 4433 4
    for n in web www2 relay; do on cli python3 "$TOOLS/traffic.py" dns_query $RLY $n.example.test; done
    save; busy $RLY $WEB 14; busy $RLY $DNS 3
}

hit_udp_quic() { # QUIC by aioquic through rly, two connections
    net_up; certificate
    spawn web "$QUIC_PYTHON" "$TOOLS/quic.py" server 443 "$W/web.crt" "$W/web.key"
    spawn rly socat -T 10 UDP4-LISTEN:4443,fork,reuseaddr UDP4:$WEB:443; sleep 1
    record
    on cli "$QUIC_PYTHON" "$TOOLS/quic.py" client $RLY 4443 8; on cli "$QUIC_PYTHON" "$TOOLS/quic.py" client $RLY 4443 2
    save; [ "$(tshark -r "$PCAP" -d udp.port==4443,quic -Y quic.long.packet_type==0 2>/dev/null | wc -l)" -ge 6 ] || die 'no QUIC'
}

# --- how it was captured --------------------------------------------------------------

socat_sessions() { net_up; targets_up web; socat_up rly $WEB; record "$@"; inner $RLY; save; }

hit_loopback_leg() { # on the relay itself: eth0 and lo, with two daemons one after the other
    local f
    net_up; targets_up web
    for f in "${FORWARDS[@]}"; do
        spawn rly socat "TCP4-LISTEN:1${f%:*},bind=127.0.0.1,fork,reuseaddr" "TCP4:$WEB:${f#*:}"; up rly "1${f%:*}"
        spawn rly socat "TCP4-LISTEN:${f%:*},fork,reuseaddr" "TCP4:127.0.0.1:1${f%:*}"; up rly "${f%:*}"
    done
    RECORDING=(); also rly eth0 inout; also rly lo in
    inner $RLY; save
    for f in "${FORWARDS[@]}"; do echoed "${f%:*}" "1${f%:*}"; echoed "1${f%:*}" "${f#*:}"; done
}

hit_loopback_only_second() { # on the relay itself: the target is a server of its own
    net_up; targets_up rly; socat_up rly 127.0.0.1
    RECORDING=(); also rly eth0 inout; also rly lo in
    inner $RLY; save; echoed_all
}

hit_router_both_sides() { # every packet twice, before and after the router: other MACs, TTL less one
    socat_sessions inout; echoed_all
}

hit_span_copies() { # every frame twice, 20 us apart
    socat_sessions; rewrite editcap -F pcap -t 0.00002 "$W/whole" "$W/again"
    mergecap -F pcap -w "$PCAP" "$W/whole" "$W/again"; echoed_all
}

hit_snap96() {
    socat_sessions; echoed_all; rewrite editcap -F pcap -s 96 "$W/whole" %out
}

hit_midstream() { # begins in the first session; the later ones are whole
    socat_sessions; rewrite editcap -F pcap "$W/whole" %out 1-24
    echoed 4443 443
}

hit_midstream_raw() { # one long session of random bytes, begun before the capture
    net_up; targets_up web; socat_up rly $WEB
    record; visit_raw $RLY cli 30; save; rewrite editcap -F pcap "$W/whole" %out 1-20
    echoed 7070 7007
}

hit_one_direction() { # only what goes towards web
    socat_sessions
    rewrite tcpdump -r "$W/whole" -w %out "src host $CLI or (src host $RLY and not dst host $CLI)"
    echoed_all; lacks '^4443 '
}

hit_answers_only() { # only what comes back
    socat_sessions
    rewrite tcpdump -r "$W/whole" -w %out "src host $WEB or (src host $RLY and dst host $CLI)"
    lacks ' 4443 '
}

hit_reverse_hub() { # cli holds a connection to out ready; who comes to out is joined with it, and cli with rly
    net_up; targets_up rly
    spawn out python3 "$TOOLS/relays.py" hub 6001 6002; up out 6001; up out 6002
    record
    spawn cli python3 "$TOOLS/relays.py" agent $OUT 6001 $RLY 443; sleep 0.3
    curl_ web --connect-to "web.example.test:443:$OUT:6002" https://web.example.test/300; sleep 0.3
    curl_ web --connect-to "web.example.test:443:$OUT:6002" 'https://web.example.test/{6000,1500}'; sleep 0.3
    curl_ web --connect-to "web.example.test:443:$OUT:6002" https://web.example.test/3000
    save; echoed 6002 443; has '^6001 [0-9]+ 1603'
}

hit_simpleproxy() {
    local f
    net_up; targets_up web
    for f in "${FORWARDS[@]}"; do spawn rly simpleproxy -L "$RLY:${f%:*}" -R "$WEB:${f#*:}"; up rly "${f%:*}"; done
    record; inner $RLY; save; echoed_all
}

hit_6tunnel() { # IPv4 to IPv6
    local f
    net_up v6; targets_up web
    for f in "${FORWARDS[@]}"; do spawn rly 6tunnel -d -4 "${f%:*}" 2001:db8:80::80 "${f#*:}"; up rly "${f%:*}"; done
    record; inner $RLY; save; echoed_all
}

# --- relays by trade, and what is near to a chain or a fan-out but none -------------------------

hit_balancer() { # a relay by trade: outside client, inside servers; TLS goes through
    net_up; extra_host_up rl3 $RL3 40; site_up rl2; site_up rl3; balancer_up rly tcp 4443 $RL2:443 $RL3:443
    record; for _ in 1 2 3 4 5 6 7; do curl_ out -k "https://$RLY:4443/{300,1500}"; sleep 0.5; done; sleep 2; save
    echoed 4443 443
}

hit_two_relays_apart() { # cli through rly, out through rl2, to the same server at the same time
    net_up; targets_up web; socat_up rly $WEB; socat_up rl2 $WEB
    record
    inner $RLY & local first=$!; inner $RL2 out; wait $first
    save; echoed_all
}

hit_relay_to_a_relay_host() { # cli reaches the web server of rl2 through rly, while rl2 relays something else to web
    net_up; targets_up web; site_up rl2; socat_up rl2 $WEB
    spawn rly socat TCP4-LISTEN:8080,fork,reuseaddr TCP4:$RL2:80; up rly 8080
    spawn rly socat TCP4-LISTEN:4443,fork,reuseaddr TCP4:$RL2:443; up rly 4443
    record
    (visit_http $RLY; sleep 0.1; visit_https $RLY) & local first=$!
    visit_https $RL2 out; visit_raw $RL2 out 5; wait $first
    save; echoed 8080 80; echoed 4443 443
}

hit_page_load_through_proxy() { # the same through the proxy of the house, 9 hosts for each of two clients
    local n names=() jobs=()
    for n in $(seq 101 118); do names+=("--host-record=cdn$n.example.test,198.51.100.$n"); done
    NAMES=("${names[@]}"); net_up; many_targets 18; site_up out; squid_up rly $RLY:3128
    record
    for n in $(seq 101 109); do curl_ cli --proxy http://$RLY:3128 https://cdn$n.example.test/1500 & jobs+=($!); done; wait "${jobs[@]}"; sleep 2; jobs=()
    for n in $(seq 110 118); do curl_ rl2 --proxy http://$RLY:3128 https://cdn$n.example.test/1500 & jobs+=($!); done; wait "${jobs[@]}"
    save; has_text 'CONNECT cdn118'
}

hit_websockify() { # a remote screen of web for browsers: RFB in the WebSocket, bare behind it
    net_up; spawn web python3 $TOOLS/websocket.py rfb $WEB 5900; up web 5900
    spawn rly websockify $RLY:8080 $WEB:5900; up rly 8080
    record; on cli python3 $TOOLS/websocket.py rfb_client ws://$RLY:8080/websockify; save
    has "8080 [0-9]+ 820c$(hex 'RFB 003.008')"
}

scenarios "$@"

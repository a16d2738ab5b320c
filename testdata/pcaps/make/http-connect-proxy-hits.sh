#!/usr/bin/env bash
# Captures of HTTP CONNECT relays that must be found.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/lib.sh"
DETECTOR=http-connect-proxy
CONNECT_WEB=$(hex 'CONNECT web.example.test:443 HTTP/1.1')
OK10=$(hex 'HTTP/1.0 200 ') OK11=$(hex 'HTTP/1.1 200 ')

# Two tunnels: https by name, and plain http by address.
tunnels() { # PROXY:PORT
    curl_ cli -p -x "http://$1" https://web.example.test/
    curl_ cli -p -x "http://$1" http://$WEB/
}
tinyproxy_net() { net_up; web_up; tinyproxy_up rly $RLY 8888; }

hit_tinyproxy() {
    tinyproxy_net; record; tunnels $RLY:8888; save
    has " 8888 $CONNECT_WEB"; has "8888 [0-9]+ $OK10"; has_text 'CONNECT 192.0.2.80:80'
}

hit_tinyproxy_auth_407() { # tinyproxy hangs up after its 407: a second connection succeeds
    net_up; web_up; tinyproxy_up rly $RLY 8888 'BasicAuth alice wonder'
    record; curl_ cli --proxy-anyauth -U alice:wonder -x http://$RLY:8888 https://web.example.test/; save
    has "8888 [0-9]+ $(hex 'HTTP/1.1 407 ')|8888 [0-9]+ $(hex 'HTTP/1.0 407 ')"; has "8888 [0-9]+ $OK10"
    has_text 'Proxy-Authorization: Basic'
}

basic_auth=('auth_param basic program /usr/lib/squid/basic_ncsa_auth PASSWD'
    'auth_param basic children 1' 'auth_param basic realm relay' 'acl known proxy_auth REQUIRED'
    'http_access deny !known')
squid_auth_up() {
    printf 'alice:%s\n' "$(openssl passwd -apr1 wonder)" >"$W/passwd"
    squid_up rly $RLY:3128 "${basic_auth[@]/PASSWD/$W/passwd}"
}

hit_squid_auth_407() { # 407 and success on the same connection
    net_up; web_up; squid_auth_up
    record; curl_ cli --proxy-anyauth -U alice:wonder -x http://$RLY:3128 https://web.example.test/; save
    has "3128 [0-9]+ $(hex 'HTTP/1.1 407 ')"; has "3128 [0-9]+ $OK11"
    [ "$(tshark -r "$PCAP" -Y 'tcp.dstport == 3128 && tcp.flags.syn == 1' 2>/dev/null | wc -l)" = 1 ] || die 'not one connection'
}

hit_squid() { # success, 403 for a port that is not allowed, 503 for one that is closed
    net_up; web_up; squid_up rly $RLY:3128
    record
    curl_ cli -x http://$RLY:3128 https://web.example.test/
    curl_ cli -p -x http://$RLY:3128 http://web.example.test:25/
    curl_ cli -x http://$RLY:3128 https://web.example.test:8443/
    save
    has " 3128 $CONNECT_WEB"; has "3128 [0-9]+ $OK11"; has "3128 [0-9]+ $(hex 'HTTP/1.1 403 ')"
    has "3128 [0-9]+ $(hex 'HTTP/1.1 503 ')"
}

hit_privoxy() {
    net_up; web_up; privoxy_up; record; tunnels $RLY:8118; save
    has " 8118 $CONNECT_WEB"; has "8118 [0-9]+ $OK11"
}

hit_ncat() {
    net_up; web_up; spawn rly ncat -l -k --proxy-type http $RLY 3128; up rly 3128
    record; tunnels $RLY:3128; save
    has " 3128 $CONNECT_WEB"; has "3128 [0-9]+ $OK10"
}

hit_nested() { # CONNECT to the second relay inside a CONNECT to the first
    net_up; web_up; tinyproxy_up rly $RLY 8888; squid_up rl2 $RL2:3128
    printf 'strict_chain\nproxy_dns\n[ProxyList]\nhttp %s 8888\nhttp %s 3128\n' $RLY $RL2 >"$W/chain"
    record
    on cli proxychains4 -q -f "$W/chain" curl -q -s -o /dev/null --cacert "$W/web.crt" https://web.example.test/
    save
    has " 8888 $(hex "CONNECT $RL2:3128 HTTP/1.")"; has " 8888 $(hex 'CONNECT web.example.test:443 HTTP/1.')"
    has "8888 [0-9]+ $OK11"
}

ssh_inside() { # PROXY-COMMAND TARGET
    net_up; web_up; tinyproxy_up rly $RLY 8888; sshd_up web
    record; on cli "${SSH[@]}" -o "ProxyCommand=$1" "root@$2" true; save
    has " 8888 $(hex "CONNECT $2:22 HTTP/1.")"; has " 8888 $(hex 'SSH-2.0-')"; has "8888 [0-9]+ $OK10"
}
hit_ssh_corkscrew() { ssh_inside "corkscrew $RLY 8888 %h %p" $WEB; }
hit_ssh_proxytunnel() { ssh_inside "proxytunnel -q -p $RLY:8888 -d %h:%p" web.example.test; }
hit_ssh_ncat() { ssh_inside "ncat --proxy-type http --proxy $RLY:8888 %h %p" $WEB; }

hit_plain_bytes_inside() { # bytes of no known protocol, echoed
    net_up; tinyproxy_up rly $RLY 8888; spawn web python3 "$TOOLS/servers.py" echo $WEB 7; up web 7
    record
    { printf '\001\002\003one'; sleep 0.3; printf '\377\376two'; sleep 0.3; } |
        on cli ncat --proxy-type http --proxy $RLY:8888 $WEB 7 >/dev/null
    save
    has " 8888 $(hex 'CONNECT 192.0.2.80:7 HTTP/1.')"; has "8888 [0-9]+ 010203$(hex one)"
}

hit_snap96() { # 96 bytes of each frame
    tinyproxy_net; record; tunnels $RLY:8888; save
    mv "$PCAP" "$W/whole"; editcap -F pcap -s 96 "$W/whole" "$PCAP"
    has " 8888 $(hex 'CONNECT web.example.test')"; has "8888 [0-9]+ $OK10"
}

hit_one_sided() { # only what the client sends
    tinyproxy_net; record; tunnels $RLY:8888; save
    mv "$PCAP" "$W/whole"; tcpdump -n -r "$W/whole" -w "$PCAP" "src host $CLI" 2>/dev/null
    has " 8888 $CONNECT_WEB"; lacks '^8888 '
}

hit_haproxy_proxy_protocol() { # a PROXY header (v1, then v2) before the CONNECT on the leg rly -> rl2
    net_up; web_up
    squid_up rl2 "$RL2:3128 require-proxy-header" "acl balancer src $RLY" 'proxy_protocol_access allow balancer'
    cat >"$W/haproxy.cfg" <<END
defaults
    mode tcp
    timeout connect 5s
    timeout client 10s
    timeout server 10s
listen v1
    bind $RLY:8081
    server squid $RL2:3128 send-proxy
listen v2
    bind $RLY:8082
    server squid $RL2:3128 send-proxy-v2
END
    spawn rly haproxy -db -f "$W/haproxy.cfg"; up rly 8082
    record
    curl_ cli -x http://$RLY:8081 https://web.example.test/
    curl_ cli -x http://$RLY:8082 https://web.example.test/
    save
    has " 3128 $(hex 'PROXY TCP4 10.9.1.10 10.9.2.20 ')"; has ' 3128 0d0a0d0a000d0a515549540a2111'; has "3128 [0-9]+ $OK11"
}

nghttpx_up() { # a forward proxy for HTTP/2 in the clear, before a squid on the same host
    squid_up rly 127.0.0.1:3128
    spawn rly nghttpx --conf=/dev/null --http2-proxy --no-ocsp --single-process -f "$RLY,3000;no-tls" -b 127.0.0.1,3128
    up rly 3000
}

hit_nghttpx_h2c() { # an ordinary request, then CONNECT on the next stream; TLS, plain HTTP inside, a refusal
    net_up; web_up; nghttpx_up
    record
    on cli python3 "$TOOLS/http2.py" tls $RLY 3000 web.example.test:443
    on cli python3 "$TOOLS/http2.py" tls $RLY 3000 web.example.test:25
    save
    has_http2 3000 'http2.headers.method == "CONNECT"'; has_http2 3000 'http2.headers.status == 403'
    has_http2 3000 'http2.headers.status == 200 && http2.streamid == 3'; has '160303[0-9a-f]{4}02'
}

scenarios "$@"

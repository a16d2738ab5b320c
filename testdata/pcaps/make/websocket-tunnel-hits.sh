#!/usr/bin/env bash
# Captures of tunnels in WebSockets that must be found.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/lib.sh"
DETECTOR=websocket-tunnel
WEBSOCAT=${WEBSOCAT:-websocat} WSTUNNEL=${WSTUNNEL:-wstunnel}
PY="python3 $TOOLS/websocket.py"
SWITCH="8080 [0-9]+ $(hex 'HTTP/1.1 101 ')"
ASK=" 8080 $(hex 'GET ')"

# curl on cli speaks with whatever is at the other end of a local port.
fetch() { # LOCAL-PORT
    curl_ cli --connect-to "web.example.test:443:127.0.0.1:$1" https://web.example.test/
}
ssh_through() { # COMMAND...
    on cli timeout 5 "${SSH[@]}" -o ProxyCommand="$*" root@web true || true # some pipes do not end
}

wstunnel_up() { # the client of cli reaches web through rly
    spawn rly "$WSTUNNEL" -s $RLY:8080; up rly 8080
    spawn cli "$WSTUNNEL" -t "127.0.0.1:4443:$WEB:443" ws://$RLY:8080; up cli 4443
}

hit_wstunnel_node() {
    net_up; web_up; wstunnel_up
    record; fetch 4443; fetch 4443; save
    has "$ASK$(hex '/?dst=192.0.2.80:443')"; has "$SWITCH"; has_text 'Sec-WebSocket-Protocol: tunnel-protocol'
}

hit_wstunnel_node_midstream() { # the first session without its handshake
    net_up; web_up; wstunnel_up
    record
    for _ in 1 2 3 4 5 6; do printf 'GET / HTTP/1.1\r\nHost: web.example.test\r\n\r\n'; sleep 0.3; done |
        on cli openssl s_client -quiet -connect 127.0.0.1:4443 >/dev/null 2>&1 || true
    save
    local first
    first=$(tshark -r "$PCAP" -Y 'tcp.dstport == 8080 && tcp.len > 0' -T fields -e frame.number 2>/dev/null | sed -n 4p)
    editcap -F pcap "$PCAP" "$PCAP.mid" "1-$first"; mv "$PCAP.mid" "$PCAP"
    lacks "$SWITCH"; has " 8080 82"; has "8080 [0-9]+ 82..170303"
}

hit_websocat_ssh() {
    net_up; sshd_up web
    spawn rly "$WEBSOCAT" -b ws-l:$RLY:8080 tcp:$WEB:22; up rly 8080
    record; ssh_through "$WEBSOCAT" -b --exit-on-eof - ws://$RLY:8080; save
    has "$SWITCH"; has "8080 [0-9]+ 82..$(hex 'SSH-2.0-')"
}

hit_websocat_tls() {
    net_up; web_up
    spawn rly "$WEBSOCAT" -b ws-l:$RLY:8080 tcp:$WEB:443; up rly 8080
    spawn cli "$WEBSOCAT" -b tcp-l:127.0.0.1:4443 ws://$RLY:8080/; up cli 4443
    record; fetch 4443; save
    has "$SWITCH"; has "8080 [0-9]+ 827e....1603"
}

hit_websockify_http() { # plain HTTP in binary messages; the server is a tool of its own for that
    net_up; web_up
    spawn rly websockify $RLY:8080 $WEB:80; up rly 8080
    spawn cli $PY listen 127.0.0.1 8081 ws://$RLY:8080/; up cli 8081
    record; curl_ cli --connect-to web.example.test:80:127.0.0.1:8081 http://web.example.test/; save
    has "$SWITCH"; has "8080 [0-9]+ 827e....$(hex 'HTTP/1.1 200')"
}

hit_websockify_socks() { # a SOCKS proxy at the other end
    net_up; web_up; NS=rl2 microsocks_up
    spawn rly websockify $RLY:8080 $RL2:1080; up rly 8080
    spawn cli $PY listen 127.0.0.1 1081 ws://$RLY:8080/; up cli 1081
    record; curl_ cli --socks5-hostname 127.0.0.1:1081 https://web.example.test/; save
    has "$SWITCH"; has "8080 [0-9]+ 82020500"
}

hit_wrong_accept_key() { # the server's proof is wrong, the client does not mind, and there are no frames
    net_up; web_up
    spawn rly $PY pretend wrong $RLY 8080 $WEB 7; spawn web python3 "$TOOLS/servers.py" echo $WEB 7; up web 7; up rly 8080
    record
    { head -c 600 /dev/urandom; sleep 0.5; } | on cli $PY pretend_pipe $RLY 8080 >/dev/null
    save
    has "$SWITCH"; has_text 'Sec-WebSocket-Accept: '
}

hit_no_accept_key_ssh() { # no proof, no frames: SSH follows the 101
    net_up; sshd_up web
    spawn rly $PY pretend none $RLY 8080 $WEB 22; up rly 8080
    record; ssh_through $PY pretend_pipe $RLY 8080; save
    has "$SWITCH"; has "8080 [0-9]+ $(hex 'SSH-2.0-')"
}

hit_v2ray_vmess() { # VMess: nothing but encrypted bytes, from the first one on
    net_up; web_up
    local id=6f1c9a52-0d1e-4a57-9c3f-2b6f0d5f7e11 ws='"streamSettings": {"network": "ws", "wsSettings": {"path": "/"}}'
    cat >"$W/server.json" <<END
{"inbounds": [{"listen": "$RLY", "port": 8080, "protocol": "vmess", "settings": {"clients": [{"id": "$id"}]}, $ws}],
 "outbounds": [{"protocol": "freedom"}]}
END
    cat >"$W/client.json" <<END
{"inbounds": [{"listen": "127.0.0.1", "port": 1081, "protocol": "socks"}],
 "outbounds": [{"protocol": "vmess", "settings": {"vnext": [{"address": "$RLY", "port": 8080, "users": [{"id": "$id"}]}]}, $ws}]}
END
    spawn rly v2ray -config "$W/server.json"; up rly 8080
    spawn cli v2ray -config "$W/client.json"; up cli 1081
    record; curl_ cli --socks5-hostname 127.0.0.1:1081 https://web.example.test/; save
    has "$SWITCH"; has "8080 [0-9]+ 827e"
}

hit_shadowsocks_v2ray_plugin() { # Shadowsocks inside Mux.Cool
    net_up; web_up
    spawn rly ss-server -s $RLY -p 8080 -k secret -m aes-256-gcm --plugin ss-v2ray-plugin --plugin-opts server; up rly 8080
    spawn cli ss-local -s $RLY -p 8080 -l 1081 -k secret -m aes-256-gcm --plugin ss-v2ray-plugin --plugin-opts path=/; up cli 1081
    record; curl_ cli --socks5-hostname 127.0.0.1:1081 https://web.example.test/; save
    has "$SWITCH"; has "8080 [0-9]+ 827e....000400010201"
}

scenarios "$@"

#!/usr/bin/env bash
# Captures of WebSockets that are no tunnels and must be left alone.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/lib.sh"
DETECTOR=websocket-tunnel
PY="python3 $TOOLS/websocket.py"
SWITCH="80[89]. [0-9]+ $(hex 'HTTP/1.1 101 ')"

application_up() { net_up; spawn web $PY chat $WEB 8080; up web 8081; } # 8081 compresses

miss_chat() { # JSON in text messages; pings
    application_up; record; on cli $PY chat_client ws://$WEB:8080/chat; save
    has "$SWITCH"; has "8080 [0-9]+ 81"
}

miss_chat_compressed() {
    application_up; record; on cli $PY chat_client ws://$WEB:8081/chat; save
    has "$SWITCH"; has_text permessage-deflate; has "8081 [0-9]+ c1"
}

miss_chat_midstream() { # the same without its handshake
    application_up; record
    for _ in 1 2 3; do on cli $PY chat_client ws://$WEB:8080/chat; done; save
    local last
    last=$(tshark -r "$PCAP" -Y 'http.response.code == 101' -T fields -e frame.number 2>/dev/null | tail -1)
    editcap -F pcap "$PCAP" "$PCAP.mid" "1-$last"; mv "$PCAP.mid" "$PCAP"
    lacks "$SWITCH"; has "8080 [0-9]+ 81"
}

miss_upload() { # random bytes in binary messages; the answers are JSON
    application_up; record; on cli $PY upload_client ws://$WEB:8080/upload; save
    has "$SWITCH"; has "8080 [0-9]+ 81..$(hex '{"stored"')"
}

miss_upload_echo() { # random bytes both ways, but the same
    application_up; record; on cli $PY echo_client ws://$WEB:8080/echo; save
    has "$SWITCH"; has "8080 [0-9]+ 827e"
}

miss_idle() { # nothing but pings
    application_up; record; on cli $PY idle_client ws://$WEB:8080/idle; save
    has "$SWITCH"; has "8080 [0-9]+ 8a"; lacks "8080 [0-9]+ 8[12]"
}

miss_remote_screen() { # RFB in binary messages, as noVNC speaks it, through websockify to a screen of the same host
    net_up; spawn rly $PY rfb 127.0.0.1 5900; up rly 5900
    spawn rly websockify $RLY:8080 127.0.0.1:5900; up rly 8080
    record; on cli $PY rfb_client ws://$RLY:8080/websockify; save
    has "$SWITCH"; has "8080 [0-9]+ 820c$(hex 'RFB 003.008')"
}

miss_denied() { # a web server that has no WebSocket
    net_up; web_up; record
    on cli $PY chat_client ws://$WEB/chat 2>/dev/null || true
    save
    has "80 [0-9]+ $(hex 'HTTP/1.1 200 ')"; has_text 'Sec-WebSocket-Key'
}

scenarios "$@"

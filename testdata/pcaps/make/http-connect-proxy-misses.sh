#!/usr/bin/env bash
# Captures with CONNECT in them that must stay quiet.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/lib.sh"
DETECTOR=http-connect-proxy

probe() { # HOST:PORT : as an open proxy scanner would
    curl_ cli -p -x "http://$1" http://web.example.test/
    curl_ cli -x "http://$1" https://web.example.test/
}

miss_nginx_scan() {
    net_up; web_up; record; probe $WEB:80; save
    has " 80 $(hex 'CONNECT web.example.test:443')"; has "80 [0-9]+ $(hex 'HTTP/1.1 40')"
}

miss_python_http_server() {
    net_up; web_up; mkdir "$W/empty"; spawn web python3 -m http.server -b $WEB -d "$W/empty" 8080; up web 8080
    record; probe $WEB:8080; save
    has "8080 [0-9]+ $(hex 'HTTP/1.0 501 ')"
}

miss_connect_word_in_body() { # also at the start of a segment, after 100 Continue, and in the answer
    net_up; web_up; spawn web python3 "$TOOLS/servers.py" form 127.0.0.1 8000; up web 8000
    printf 'CONNECT a.example.test:443 HTTP/1.1\r\nHost: a.example.test:443\r\n\r\n' >"$W/body"
    record
    curl_ cli --data-binary "@$W/body" http://web.example.test/form
    curl_ cli --data-binary "@$W/body" -H 'Expect: 100-continue' http://web.example.test/form
    save
    has " 80 $(hex 'CONNECT a.example.test:443 HTTP/1.1')"; has "80 [0-9]+ $(hex 'HTTP/1.1 200')"
}

miss_nats_like() {
    net_up; spawn web python3 "$TOOLS/servers.py" nats $WEB 4222; up web 4222
    record; on cli python3 "$TOOLS/servers.py" nats_client $WEB 4222; save
    has " 4222 $(hex 'CONNECT {')"; has "4222 [0-9]+ $(hex '+OK')"
}

miss_haproxy_http_mode() { # haproxy in front of nginx, as a reverse proxy
    net_up; web_up
    cat >"$W/haproxy.cfg" <<END
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
listen www
    bind $RLY:80
    server nginx $WEB:80
END
    spawn rly haproxy -db -f "$W/haproxy.cfg"; up rly 80
    record; probe $RLY:80; save
    has " 80 $(hex 'CONNECT web.example.test:443')"; has "80 [0-9]+ $(hex 'HTTP/1.1 4')"; lacks "80 [0-9]+ $(hex 'HTTP/1.1 200')"
}

miss_page_for_connect() { # 200 with a page of its own, to CONNECT too: no tunnel
    net_up; web_up; spawn web python3 "$TOOLS/servers.py" page $WEB 8080; up web 8080
    record; curl_ cli -x http://$WEB:8080 https://web.example.test/; save
    has " 8080 $(hex 'CONNECT web.example.test:443')"; has "8080 [0-9]+ $(hex 'HTTP/1.1 200 OK')"; has_text welcome
}

miss_unanswered() { # CONNECT to something that never answers
    net_up; spawn web python3 "$TOOLS/servers.py" sink $WEB 8080; up web 8080
    record; curl_ cli --max-time 1 -p -x http://$WEB:8080 http://web.example.test/; save
    has " 8080 $(hex 'CONNECT web.example.test:80')"; lacks '^8080 '
}

miss_nginx_h2c() { # a web server over HTTP/2 in the clear, then a scan of it
    net_up; web_up
    sed -e 's/listen 80 default_server/listen 8080 http2 default_server/' -e '/listen \[::\]/s/listen \[::\]:80[^;]*;//' \
        -e 's|pid .*nginx.pid|pid nginx2.pid|' -e 's/listen 443 ssl[^;]*;//; s/listen 80;/listen 8080 http2;/' "$W/nginx.conf" >"$W/nginx2.conf"
    spawn web nginx -e stderr -p "$W" -c "$W/nginx2.conf"; up web 8080
    record
    curl_ cli --http2-prior-knowledge http://web.example.test:8080/
    curl_ cli --http2-prior-knowledge -d a=1 http://web.example.test:8080/
    on cli python3 "$TOOLS/http2.py" http $WEB 8080 web.example.test:80
    save
    has_http2 8080 'http2.headers.method == "CONNECT"'; has_http2 8080 'http2.headers.status == 200'
}

miss_h2c_websocket() { # CONNECT with :protocol websocket is an ordinary WebSocket
    net_up; spawn web python3 "$TOOLS/http2.py" serve $WEB 8080; up web 8080
    record
    on cli python3 "$TOOLS/http2.py" websocket $WEB 8080
    on cli python3 "$TOOLS/http2.py" http $WEB 8080 web.example.test:80
    save
    has_http2 8080 'http2.headers.method == "CONNECT" && http2.headers.path == "/chat"'; has_text hello
}

scenarios "$@"

#!/usr/bin/env bash
# Captures of sessions that do not end, shortened when recorded.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/long.sh"
DETECTOR=long-lived-session

echoes() { spawn "$1" socat "TCP-LISTEN:$2,fork,reuseaddr" EXEC:cat; up "$1" "$2"; }

hit_database_idle() { # a client that asks a database now and then, inside the house
    net_up; spawn rly redis-server --bind $RLY --port 6379 --save '' --protected-mode no; up rly 6379
    record; typed 1 'SET a 1' 'GET a' 'PING' | on cli timeout 20 socat - TCP:$RLY:6379 >/dev/null; save
    stretch 900; lasts 1200
}

hit_https_idle() { # a TLS session that says a line now and then
    net_up; web_up
    record; typed 1 'GET / HTTP/1.1' 'Host: web.example.test' '' | on cli timeout 20 openssl s_client -quiet -connect $WEB:443 >/dev/null 2>&1 || true; save
    stretch 600; lasts 1000
}

hit_only_keepalives() { # nobody says anything: the kernel's keepalives alone keep the session
    net_up; spawn out socat TCP-LISTEN:4455,fork,reuseaddr,keepalive EXEC:cat; up out 4455
    record; on cli timeout 6 socat -u TCP:$OUT:4455,keepalive,keepidle=1,keepintvl=1 OPEN:/dev/null || true; save
    stretch 400; lasts 900
}

hit_sends_out() { # raw TCP to an odd port of a host that has no name and that nobody else speaks with; it sends out
    net_up; web_up; echoes out 4455
    spawn out socat -u TCP-LISTEN:4466,fork,reuseaddr OPEN:/dev/null; up out 4466
    record
    curl_ cli http://web.example.test/; curl_ rly http://web.example.test/; curl_ rl2 http://web.example.test/
    { head -c 20000 /dev/urandom; sleep 2; head -c 9000 /dev/urandom; sleep 2; } | on cli timeout 20 socat -u - TCP:$OUT:4466
    save; stretch 900; lasts 1200
}

scenarios "$@"

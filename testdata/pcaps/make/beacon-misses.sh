#!/usr/bin/env bash
# Captures of what comes by the clock and is harmless, a hundred times faster.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/beats.sh"
DETECTOR=beacon

miss_update_check() { # a file that has not changed, asked for by name and date, like a clock
    net_up; web_up
    record; again 14 1 curl_ cli -z 'Fri, 20 Nov 2026 00:00:00 GMT' https://web.example.test/cached; save; stretch 60 0.05
}

checks() { printf 'PING\r\nQUIT\r\n' | on cli timeout 5 socat - TCP:$RLY:6379 >/dev/null; curl_ cli http://$RL2:8080/health; }

miss_https_known() { # jitter and tasks, at a server to which hosts went when they were learned (known.toml)
    NAMES=(--host-record=sync.example.test,$OUT); net_up; web_up; server_up
    record; looks_up_only; beats 22 0.3 0.7 polls; save; stretch 100 0.05
}

miss_health_check() { # a monitor inside asks two services inside
    net_up; spawn rly redis-server --bind $RLY --port 6379 --save '' --protected-mode no; up rly 6379
    spawn rl2 socat TCP-LISTEN:8080,fork,reuseaddr "SYSTEM:'read line; printf \"HTTP/1.0 200 OK\r\n\r\nok\n\"'"; up rl2 8080
    record
    again 14 0.8 checks; save; stretch 60 0.05
}

miss_ntp() { # chrony, a poll each second, from a new port each time
    net_up
    printf 'local stratum 5\nallow all\ncmdport 0\npidfile %s\n' "$W/s.pid" >"$W/server.conf"
    printf 'server %s minpoll -1 maxpoll -1 iburst xleave\ncmdport 0\npidfile %s\n' $OUT "$W/c.pid" >"$W/client.conf"
    spawn out chronyd -x -u root -d -f "$W/server.conf"; sleep 1
    record; on cli timeout 12 chronyd -x -u root -d -f "$W/client.conf" >/dev/null 2>&1 || true; save
    stretch 60 0.05
}

miss_dns_in_tls() { # a resolver asks another one in TLS: for somebody, and each second whether it is there
    net_up; web_up
    local dot='addTLSLocal("0.0.0.0:853","%s/web.crt","%s/web.key")\naddACL("0.0.0.0/0")\n'
    printf "$dot"'newServer("%s")\n' "$W" "$W" $DNS >"$W/upper.conf"
    printf 'setLocal("%s:53")\nsetACL("0.0.0.0/0")\nnewServer({address="%s:853",tls="openssl",validateCertificates=false})\n' $RLY $WEB >"$W/lower.conf"
    spawn web dnsdist --supervised -C "$W/upper.conf"; up web 853
    record; spawn rly dnsdist --supervised -C "$W/lower.conf"; sleep 1
    on cli host -W 2 -t A web.example.test $RLY >/dev/null || true; sleep 19; save
}

miss_stun_binding() { # a phone asks how it is seen from outside, from one port
    net_up; spawn out python3 "$TOOLS/keeps_open.py" serve; sleep 1
    record; on cli python3 "$TOOLS/keeps_open.py" stun $OUT 14; save; stretch 20
}

miss_sip_options() { # the same at its registrar, in SIP
    net_up; spawn out python3 "$TOOLS/keeps_open.py" serve; sleep 1
    record; on cli python3 "$TOOLS/keeps_open.py" sip $OUT 14; save; stretch 20
}

miss_mqtt_publish() { # a thing that publishes what it measures, each time in a new connection
    net_up; printf 'listener 1883 %s\nallow_anonymous true\n' $RLY >"$W/mosquitto.conf"
    spawn rly mosquitto -c "$W/mosquitto.conf"; up rly 1883
    record; again 14 0.8 on cli mosquitto_pub -h $RLY -t room/7 -m 21.5; save; stretch 60 0.05
}

miss_person() { # somebody reads pages: sometimes at once, sometimes after a while
    net_up; web_up; RANDOM=7
    record; for _ in $(seq 24); do curl_ cli https://web.example.test/; sleep "$(awk -v r=$RANDOM 'BEGIN { print -0.3 * log((r + 1) / 32769) }')"; done
    save; stretch 100 0.05
}

miss_long_poll() { # a page that is held until something happens, asked for again at once
    net_up; web_up; spawn web socat TCP-LISTEN:8080,fork,reuseaddr "SYSTEM:'read line; sleep 0.8; printf \"HTTP/1.0 200 OK\r\n\r\nnothing\n\"'"; up web 8080
    record; again 14 0.01 curl_ cli http://web.example.test:8080/poll; save; stretch 60 0.1
}


miss_mqtt_keepalive() { # a thing that waits for messages of a broker outside: PINGREQ every five seconds
    net_up; printf 'listener 1883 %s\nallow_anonymous true\n' $OUT >"$W/mosquitto.conf"
    spawn out mosquitto -c "$W/mosquitto.conf"; up out 1883
    record; on cli timeout 56 mosquitto_sub -h $OUT -t room/7 -k 5 >/dev/null || true; save
}

miss_mqtt_pushes() { # the same, and now and then a message comes, which is acknowledged
    net_up; printf 'listener 1883 %s\nallow_anonymous true\n' $OUT >"$W/mosquitto.conf"
    spawn out mosquitto -c "$W/mosquitto.conf"; up out 1883
    record; on cli timeout 56 mosquitto_sub -h $OUT -q 1 -t room/7 -k 5 >/dev/null & sleep 13
    for n in 1 2 3; do on out mosquitto_pub -h $OUT -q 1 -t room/7 -m "$(seq -s ' ' $((n * 40)))"; sleep 12; done; sleep 9; save
}

miss_names_again() { # the names of five hosts, looked up by the clock
    net_up; web_up
    record; again 24 0.5 asks; save; stretch 100 0.05
}
asks() { ASKED=$((${ASKED:-0} + 1)); on cli getent hosts "collector-number-$((ASKED % 5)).example.test" || true; }

miss_ssh_keepalive() { # an SSH session that nobody uses, asked every two seconds whether it is alive
    net_up; sshd_up out
    record; on cli timeout 26 "${SSH[@]}" -N -o ServerAliveInterval=2 root@$OUT || true; save; stretch 30
}

scenarios "$@"

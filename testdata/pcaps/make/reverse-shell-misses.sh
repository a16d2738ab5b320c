#!/usr/bin/env bash
# Captures that look like shells that connect out, and are none.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/shells.sh"
DETECTOR=reverse-shell
TRANSCRIPT='root@victim:/# id\nuid=0(root) gid=0(root) groups=0(root)\nroot@victim:/# uname -s\nLinux\nroot@victim:/# '

miss_transcript_sent() { # a file with prompts in it
    net_up; on out timeout 20 nc.openbsd -l 4444 >/dev/null & PIDS+=($!); up out 4444
    record in cli out; printf "$TRANSCRIPT" | on cli timeout 10 nc.openbsd -q 1 $OUT 4444; save
}
miss_output_only() { # what a one-liner printed, and nobody asks anything
    reverse typed 1 -- sh -c "id | nc.openbsd -q 1 $OUT 4444"; has_text 'uid=0'
}
miss_chat() { # two people, one of whom called
    net_up; operator out 4444 typed 0.8 'hello, are you there' 'did you see the numbers' 'ls is broken again' 'ok'
    record in cli out
    (sleep 0.6; typed 0.8 'hi' 'yes' 'who broke it?' 'date?') | on cli timeout 20 nc.openbsd -q 1 $OUT 4444 >/dev/null; save
}
miss_logs_over_tcp() { # lines of syslog, with a root prompt in one of them
    net_up; on out timeout 20 nc.openbsd -l 514 >/dev/null & PIDS+=($!); up out 514
    record in cli out
    printf '<34>1 2026-01-01T00:00:00Z victim sh - - - root@victim:/# id\n<34>1 2026-01-01T00:00:01Z victim id - - - uid=0(root) gid=0(root)\n' |
        on cli timeout 10 nc.openbsd -q 1 $OUT 514; save
}
miss_script_fetched() { # a script of commands that somebody fetches and nobody answers
    net_up; operator out 4444 printf '#!/bin/sh\nid\nuname -a\nls -l\n'
    record in cli out; on cli timeout 5 nc.openbsd -d $OUT 4444 >/dev/null || true; save
}
miss_web_page_with_transcript() {
    net_up; mkdir -p "$W/pages"; printf "$TRANSCRIPT" >"$W/pages/index.html"
    spawn out /usr/bin/python3 -m http.server -d "$W/pages" 8000; up out 8000
    record in cli out; curl_ cli http://$OUT:8000/; save
}
miss_mqtt_tls() { # messages come when they come, and each is acknowledged
    net_up; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=out \
        -addext "subjectAltName=IP:$OUT" -keyout "$W/key" -out "$W/crt" 2>/dev/null; chmod a+r "$W/key"
    printf 'listener 8883 %s\ncertfile %s/crt\nkeyfile %s/key\nallow_anonymous true\nlistener 1883 127.0.0.1\n' $OUT "$W" "$W" >"$W/mosquitto.conf"
    spawn out mosquitto -c "$W/mosquitto.conf"; up out 8883
    record in cli out
    on cli timeout 25 mosquitto_sub -h $OUT -p 8883 --cafile "$W/crt" -q 1 -t news >/dev/null & PIDS+=($!)
    (sleep 1; for n in 1 2 3 4 5 6 7 8 9 10; do on out mosquitto_pub -h 127.0.0.1 -q 1 -t news -m "message $n"; sleep "$((1 + RANDOM % 2)).$((RANDOM % 9))"; done)
    save
}
miss_redis_worker_tls() { # jobs come when they come; what came of each is pushed, and the next one is asked for
    net_up; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=out \
        -addext "subjectAltName=IP:$OUT" -keyout "$W/key" -out "$W/crt" 2>/dev/null; chmod a+r "$W/key"
    spawn out redis-server --bind $OUT 127.0.0.1 --tls-port 6380 --tls-cert-file "$W/crt" --tls-key-file "$W/key" \
        --tls-ca-cert-file "$W/crt" --tls-auth-clients no --protected-mode no --save '' --dir "$W"; up out 6380
    record in cli out
    spawn cli /usr/bin/python3 "$TOOLS/jobs.py" $OUT "$W/crt"
    (sleep 1; for n in 1 2 3 4 5 6 7 8 9 10 11 12; do on out redis-cli rpush jobs "report $n" >/dev/null; sleep "$((1 + RANDOM % 3)).$((RANDOM % 9))"; done)
    save
}
miss_transcript_over_udp() { # to somebody who says nothing
    net_up; record in cli out; spawn out socat -u UDP-RECV:4444 /dev/null; waits out 4444
    printf "$TRANSCRIPT" | on cli timeout 10 nc.openbsd -u -w 1 $OUT 4444; save; has_datagram 'uid=0'
}
miss_chat_over_udp() { # two people, one of whom called
    net_up; record in cli out; datagram_operator typed 0.8 'hello, are you there' 'last night was long' 'ls is broken again' 'ok'
    (sleep 0.6; typed 0.8 'hi' 'yes' 'who broke it?' 'date?') | on cli timeout 20 nc.openbsd -u -w 2 $OUT 4444 >/dev/null; save; has_datagram 'who broke'
}
miss_text_over_udp() { # counters, lines of logs, SIP and SSDP, each answered in words
    net_up; record in cli out
    spawn out /usr/bin/python3 "$TOOLS/text_over_udp.py" serve $OUT; waits out 8125
    on cli timeout 20 /usr/bin/python3 "$TOOLS/text_over_udp.py" talk $OUT; save; has_datagram 'REGISTER'
}
scenarios "$@"

#!/usr/bin/env bash
# Captures of hosts that do what their profile says, or change together.  Usage: [OUTPUT-DIR [SCENARIO...]]
# The profile is that of ordinary:  hopscope learn payload-anomaly/miss-ordinary.pcap
. "$(dirname "$0")/visits.sh"

miss_ordinary() { # what was learned
    net_up; api_up web
    record; visits 200; BY=rl2 visits 200; save; cut_off
}

miss_another_day() { # the same hosts and the same pages
    net_up; api_up web
    record; visits 220; BY=rl2 visits 180; save; cut_off
}

miss_update() { # both hosts send a header more
    net_up; api_up web
    record; visits 200 -H "X-Session: $(head -c 150 /dev/urandom | base64 -w0)"
    BY=rl2 visits 200 -H "X-Session: $(head -c 150 /dev/urandom | base64 -w0)"; save; cut_off
}

miss_mistakes() { # connections that say nothing, or what is no TLS, to the same port, and once more with another TLS client
    net_up; api_up web
    record; visits 20; local n
    for n in $(seq 20); do
        curl_ cli --max-time 1 "http://$WEB:443/"
        on cli bash -c "exec 3<>/dev/tcp/$WEB/443; sleep 0.1"
        on cli bash -c "exec 3<>/dev/tcp/$WEB/443; head -c 200 /dev/urandom >&3; head -c 1 <&3 >/dev/null; sleep 0.1" || true
        on cli bash -c "exec 3<>/dev/tcp/$WEB/443; printf 'QUIT\\r\\n' >&3; head -c 1 <&3 >/dev/null; sleep 0.1" || true
    done
    visits 8 --tls-max 1.2 --ciphers ECDHE-ECDSA-CHACHA20-POLY1305; save
    has_text 'HTTP/1.1 400'
}

miss_another_way() { # both hosts begin to use SSH at the same port
    net_up; api_up web; sshd_up rly "Port 443"; up rly 443
    record; local n
    for n in $(seq 16); do on cli "${SSH[@]}" -p 443 "$RLY" true; on rl2 "${SSH[@]}" -p 443 "$RLY" true; done; save
    has_text SSH-2.0
}

scenarios "$@"

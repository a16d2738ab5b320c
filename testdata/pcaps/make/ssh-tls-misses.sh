#!/usr/bin/env bash
# Captures of what stands inside TLS and is no SSH: it must be left alone.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/ssh.sh"
DETECTOR=ssh-tunnel

serves() { # PORT TARGET-PORT : TLS on rly
    stunnel_up rly "accept = $1" "connect = 127.0.0.1:$2" "cert = $W/web.crt" "key = $W/web.key"; up rly "$1"
}
calls() { on cli timeout 20 openssl s_client -quiet -connect $RLY:"$1" 2>/dev/null; }

miss_tls_pages() { # requests of one after the other, by a client that says no protocol
    net_up; site_up web; record
    local n
    for n in 300 1500 3000 6000 300; do
        printf 'GET /%s HTTP/1.1\r\nHost: web.example.test\r\n\r\n' $n; sleep 0.2
    done | on cli timeout 10 openssl s_client -quiet -connect $WEB:443 >/dev/null 2>&1 || true
    curl_ cli --no-alpn --resolve web.example.test:443:$WEB 'https://web.example.test/{300,1500,3000}'
    save; has '443 [0-9]+ 1603'
}

miss_tls_mail() { # SMTP, IMAP and POP as Python's clients speak them
    net_up; certificate; local port
    for port in 2525 2143 2110; do spawn rly python3 "$TOOLS/sealed.py" mail $port; up rly $port; done
    serves 465 2525; serves 993 2143; serves 995 2110
    record; on cli timeout 20 python3 "$TOOLS/sealed.py" mail_clients $RLY 465 993 995; save
    has '465 [0-9]+ 1603'; has '993 [0-9]+ 1603'; has '995 [0-9]+ 1603'
}

miss_tls_database() { # redis in TLS: short questions, blocks of eight and sixteen bytes among the answers
    net_up; certificate
    spawn rly redis-server --port 6379 --save '' --dir "$W"; up rly 6379
    serves 6380 6379
    record
    python3 - <<'END' | calls 6380 >/dev/null || true
import sys, time
say = lambda *words: b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
for n in range(60):
    key, value = b"k%d" % n, b"x" * (n * 8)
    for words in ((b"SET", key, value), (b"GET", key), (b"INCR", b"n"), (b"INFO", b"server")):
        sys.stdout.buffer.write(say(*words)); sys.stdout.flush(); time.sleep(0.01)
END
    save; has '6380 [0-9]+ 1603'
}

miss_tls_chat() { # lines typed both ways, of every length
    net_up; certificate
    spawn rly bash -c 'n=0; while sleep 0.3; do n=$((n + 1)); printf "%0$((n * 7 % 90 + 4))d\n" 7; [ $n -lt 30 ] || break; done |
        ncat --ssl --ssl-cert '"$W"'/web.crt --ssl-key '"$W"'/web.key -l 6697 >/dev/null'; up rly 6697
    record
    (for n in $(seq 30); do printf '%0*d\n' $((n * 11 % 70 + 3)) 5; sleep 0.25; done) | on cli timeout 20 ncat --ssl $RLY 6697 >/dev/null || true
    save; has '6697 [0-9]+ 1603'
}

miss_tls_blocks() { # writes as long as those of SSH, but for one of them
    net_up; certificate
    spawn rly python3 "$TOOLS/sealed.py" blocks_server "$W/web.crt" "$W/web.key" 8443; up rly 8443
    record; on cli timeout 20 python3 "$TOOLS/sealed.py" blocks $RLY 8443; save
    has '8443 [0-9]+ 1603'
}

scenarios "$@"

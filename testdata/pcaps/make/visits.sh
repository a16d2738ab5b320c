# Shared by the scripts about payload sizes: an API by HTTPS, and how it is called.
. "$(dirname "${BASH_SOURCE[0]}")/hops.sh"
DETECTOR=payload-anomaly

api_up() { # NS : pages of many sizes
    site_up "$1"
    local n; for n in $(seq 0 15); do head -c $((180 + n * n * 23)) /dev/urandom >"$W/pages/$n"; done
}

cover_up() { # NS TARGET : TLS on its port 443 and from cli's port 4443 to there
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$1.example.test" \
        -keyout "$W/cover.key" -out "$W/cover.crt" 2>/dev/null
    cat "$W/cover.key" "$W/cover.crt" >"$W/cover.pem"; chmod 600 "$W/cover.pem"
    stunnel_up "$1" "accept = 443" "connect = $2" "cert = $W/cover.pem"; up "$1" 443
    stunnel_up cli "client = yes" "accept = 127.0.0.1:4443" "connect = $RLY:443"; up cli 4443
}

visits() { # COUNT CURL-OPTION... : a connection for each call, by the host BY
    local n ns=${BY:-cli} count=$1; shift
    for n in $(seq "$count"); do
        curl_ "$ns" "$@" -H "X-Trace: $(head -c $((RANDOM % 60)) /dev/urandom | base64 -w0)" "https://web.example.test/$((RANDOM % 16))"
    done
}

cut_off() { # what is in payloads does not matter, their sizes do
    editcap -F pcap -s 96 "$PCAP" "$W/cut.pcap"; mv "$W/cut.pcap" "$PCAP"
}

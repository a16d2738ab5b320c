#!/usr/bin/env bash
# Captures of a host whose payloads are not those of its profile.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/visits.sh"

hit_tls_in_tls() { # the same pages by TLS inside TLS, to another server at the same port
    net_up; api_up web; cover_up rly "$WEB:443"
    record; visits 280 --connect-to "web.example.test:443:127.0.0.1:4443"; save; cut_off
}

hit_socks_in_tls() { # the same pages through SOCKS inside TLS
    net_up; api_up web; spawn rly microsocks -i 127.0.0.1 -p 1080; up rly 1080; cover_up rly 127.0.0.1:1080
    record; visits 280 --socks5-hostname 127.0.0.1:4443; save; cut_off
}

hit_shadowsocks() { # a few of the same pages by shadowsocks, to another server at the same port
    net_up; api_up web
    local way=(-m chacha20-ietf-poly1305 -k "$P" -t 5)
    spawn rly ss-server -s "$RLY" -p 443 "${way[@]}"; up rly 443
    spawn cli ss-local -s "$RLY" -p 443 -b 127.0.0.1 -l 1080 "${way[@]}"; up cli 1080
    record; visits 16 --socks5-hostname 127.0.0.1:1080; save
}

hit_openvpn() { # a VPN over TCP at the same port, that breaks off again and again
    net_up; api_up web
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=vpn.example.test \
        -keyout "$W/vpn.key" -out "$W/vpn.crt" 2>/dev/null
    local way=(--dev tun --ca "$W/vpn.crt" --cert "$W/vpn.crt" --key "$W/vpn.key" --cipher AES-256-GCM --auth-nocache) n
    spawn rly openvpn --server 10.9.99.0 255.255.255.0 --dh none --proto tcp4-server --local "$RLY" --port 443 "${way[@]}"; up rly 443
    record
    for n in $(seq 16); do
        on cli timeout 2 openvpn --client --proto tcp4-client --remote "$RLY" 443 --nobind "${way[@]}" >>"$W/log.cli.openvpn" 2>&1 || true
    done
    save; has '^[0-9]+ 443 000e38'; has '^443 [0-9]+ 001a40'
}

hit_ssh() { # logins to a server of SSH at the same port
    net_up; api_up web; sshd_up rly "Port 443"; up rly 443
    record; local n; for n in $(seq 16); do on cli "${SSH[@]}" -p 443 "$RLY" true; done; save
    has_text SSH-2.0
}

scenarios "$@"

# Shared by the capture scripts: a little routed network of namespaces, daemons
# that die with the script, and one capture point in the router.
#
#   cli 10.9.1.10 ---.                  .--- web 192.0.2.80 (DNS on 192.0.2.53)
#   rly 10.9.2.20 ---+--- router (rt) --+
#   rl2 10.9.3.30 ---'                  '--- out 198.51.100.77
#
# Needs root.  Nothing leaves the namespaces; they have no way out.
set -euo pipefail
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C TZ=UTC
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY

MAKE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOOLS=$MAKE/tools
CLI=10.9.1.10 RLY=10.9.2.20 RL2=10.9.3.30 WEB=192.0.2.80 DNS=192.0.2.53 OUT=198.51.100.77
HOSTS=(cli rly rl2 web out)
NAMES=() # further options of the name server

die() { echo "error: $*" >&2; exit 1; }

# --- namespaces ---------------------------------------------------------------

on() { local ns=$1; shift; ip netns exec "$P-$ns" "$@"; }

host_up() { # NAME ADDRESS ROUTER-ADDRESS MAC-BYTE [V6-ADDRESS V6-ROUTER]
    local ns=$P-$1
    ip netns add "$ns"
    mkdir -p "/etc/netns/$ns"; echo "nameserver $DNS" >"/etc/netns/$ns/resolv.conf"
    ip link add eth0 netns "$ns" address "02:00:00:00:00:$4" type veth \
        peer name "$1" netns "$P-rt" address "02:00:00:00:ff:$4"
    # Real NICs put whole checksums and MTU-sized frames on the wire.
    on "$1" ethtool -K eth0 tx off tso off gso off gro off >/dev/null
    on rt ethtool -K "$1" tx off tso off gso off gro off >/dev/null
    on rt ip addr add "$3/24" dev "$1"
    on "$1" ip addr add "$2/24" dev eth0
    if [ "$V6" = 1 ]; then
        on rt ip addr add "$6/64" dev "$1" nodad
        on "$1" ip addr add "$5/64" dev eth0 nodad
    fi
    on rt ip link set "$1" up; on "$1" ip link set eth0 up; on "$1" ip link set lo up
    on "$1" ip route add default via "$3"
    if [ "$V6" = 1 ]; then on "$1" ip -6 route add default via "$6"; fi
}

net_up() { # [v6]
    local tool
    [ "$(id -u)" = 0 ] || die "must be root (namespaces)"
    for tool in ip ethtool ss tcpdump tshark editcap mergecap dnsmasq nginx curl openssl python3; do
        command -v $tool >/dev/null || die "$tool is missing; README.md lists the packages"
    done
    V6=0; [ "${1:-}" != v6 ] || V6=1
    P=hs$BASHPID W=$(mktemp -d) PIDS=()
    chmod 755 "$W"; trap net_down EXIT
    ip netns add "$P-rt"; on rt ip link set lo up
    on rt sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    if [ "$V6" = 0 ]; then on rt sysctl -qw net.ipv6.conf.default.disable_ipv6=1; fi
    host_up cli $CLI 10.9.1.1 10 2001:db8:1::10 2001:db8:1::1
    host_up rly $RLY 10.9.2.1 20 2001:db8:2::20 2001:db8:2::1
    host_up rl2 $RL2 10.9.3.1 30 2001:db8:3::30 2001:db8:3::1
    host_up web $WEB 192.0.2.1 80 2001:db8:80::80 2001:db8:80::1
    host_up out $OUT 198.51.100.1 77 2001:db8:77::77 2001:db8:77::1
    on web ip addr add $DNS/24 dev eth0
    spawn web dnsmasq -k -C /dev/null -R -h -u root --pid-file= --bind-interfaces \
        --listen-address=$DNS --local=/test/ --local=/example/ \
        --host-record=web.example.test,$WEB --host-record=www2.example.test,$WEB \
        --host-record=relay.example.test,$RLY --host-record=banned.example.test,$WEB \
        --host-record=web6.example.test,2001:db8:80::80 "${NAMES[@]}"
    up web 53
}

net_down() { # every process in our namespaces is ours
    local ns pid
    set +e
    for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null; done
    sleep 0.2
    for ns in "${HOSTS[@]}" rt; do
        for pid in $(ip netns pids "$P-$ns" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
    done
    for ns in "${HOSTS[@]}" rt; do ip netns del "$P-$ns" 2>/dev/null; rm -rf "/etc/netns/$P-$ns"; done
    if [ -n "${KEEP:-}" ]; then echo "kept $W"; else rm -rf "$W"; fi
}

# --- daemons --------------------------------------------------------------------

spawn() { # NS COMMAND... : in the background, ended with the scenario
    local ns=$1; shift
    ip netns exec "$P-$ns" "$@" >>"$W/log.$ns.${1##*/}" 2>&1 </dev/null &
    PIDS+=($!); disown
}

up() { # NS PORT : wait until something listens there
    local i
    for i in $(seq 100); do
        if on "$1" ss -Hlnt "sport = :$2" | grep -q .; then return; fi
        sleep 0.1
    done
    cat "$W"/log.* >&2; die "nothing listens on $1 port $2"
}

web_up() { # nginx as an ordinary web server, http and https
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj /CN=web.example.test -addext "subjectAltName=DNS:web.example.test,IP:$WEB" \
        -keyout "$W/web.key" -out "$W/web.crt" 2>/dev/null
    cat >"$W/nginx.conf" <<END
daemon off; master_process off; user root; pid $W/nginx.pid; error_log $W/nginx.err;
events { worker_connections 64; }
http {
    access_log off; default_type text/plain;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate $W/web.crt; ssl_certificate_key $W/web.key;
    client_body_temp_path $W/n1; proxy_temp_path $W/n2; fastcgi_temp_path $W/n3;
    uwsgi_temp_path $W/n4; scgi_temp_path $W/n5;
    server {
        listen 80 default_server; listen [::]:80 default_server; listen 443 ssl default_server;
        location / { return 200 "the default page\n"; }
    }
    server {
        listen 80; listen [::]:80; listen 443 ssl; server_name web.example.test web6.example.test;
        location / { return 200 "hello from web.example.test\n"; }
        location /cached { add_header Cache-Control "public, max-age=3600"; return 200 "keep me\n"; }
        location /form { proxy_pass http://127.0.0.1:8000; }
    }
    server { listen 80; server_name www2.example.test; location / { return 404; } }
}
END
    spawn web nginx -e stderr -p "$W" -c "$W/nginx.conf"
    up web 443
}

microsocks_up() { spawn "${NS:-rly}" microsocks "$@"; up "${NS:-rly}" "${PORT:-1080}"; }

dante_up() {
    cat >"$W/danted.conf" <<END
logoutput: stderr
internal: $RLY port = 1080
external: eth0
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 command: bind connect udpassociate bindreply udpreply }
END
    spawn rly danted -f "$W/danted.conf" -p "$W/danted.pid"
    up rly 1080
}

tinyproxy_up() { # NS ADDRESS PORT [config line...]
    { printf 'Port %s\nListen %s\nTimeout 30\nMaxClients 20\nViaProxyName "relay"\nAllow 0.0.0.0/0\n' "$3" "$2"
      if [ $# -gt 3 ]; then printf '%s\n' "${@:4}"; fi; } >"$W/tinyproxy.$1.conf"
    spawn "$1" tinyproxy -d -c "$W/tinyproxy.$1.conf"
    up "$1" "$3"
}

squid_up() { # NS ADDRESS:PORT-AND-OPTIONS [config line...]
    local port=${2%% *}
    install -d -o proxy "$W/squid"
    { echo "http_port $2"
      if [ $# -gt 2 ]; then printf '%s\n' "${@:3}"; fi
      cat <<END
acl tls_ports port 443 8443
acl banned dstdomain banned.example.test
http_access deny CONNECT !tls_ports
http_access deny banned
http_access allow all
visible_hostname relay.example.test
dns_nameservers $DNS
cache_mem 4 MB
cache_effective_user proxy
cache_log $W/squid/cache.log
coredump_dir $W/squid
access_log none
pid_filename none
netdb_filename none
pinger_enable off
max_filedescriptors 1024
shutdown_lifetime 0 seconds
END
    } >"$W/squid.conf"
    spawn "$1" squid -N -n "$P" -f "$W/squid.conf"
    up "$1" "${port##*:}"
}

privoxy_up() {
    printf 'listen-address %s:8118\nconfdir /etc/privoxy\nlogdir %s\n' "$RLY" "$W" >"$W/privoxy.conf"
    spawn rly privoxy --no-daemon "$W/privoxy.conf"
    up rly 8118
}

sshd_up() { # NS [config line...]
    mkdir -p /run/sshd
    [ -e "$W/hostkey" ] || ssh-keygen -q -t ed25519 -N '' -C host -f "$W/hostkey"
    [ -e "$W/id" ] || ssh-keygen -q -t ed25519 -N '' -C user -f "$W/id"
    { cat <<END; if [ $# -gt 1 ]; then printf '%s\n' "${@:2}"; fi; } >"$W/sshd.$1.conf"
Port 22
HostKey $W/hostkey
AuthorizedKeysFile $W/id.pub
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PidFile none
PrintMotd no
END
    spawn "$1" "$(command -v sshd)" -D -e -f "$W/sshd.$1.conf"
    up "$1" 22
    SSH=(ssh -F none -i "$W/id" -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null)
}

curl_() { # NS CURL-ARGUMENTS... : the outcome does not matter here, `has` judges the bytes
    local ns=$1; shift
    on "$ns" curl -q -s -o /dev/null --max-time 10 --cacert "$W/web.crt" "$@" || true
}

# --- capturing ------------------------------------------------------------------

# Each packet once: what comes IN on each router interface, merged by time.
record() { # [DIRECTION [INTERFACE...]]
    local dir=${1:-in} i if
    shift || true
    RECORDING=() ; local ifs=("$@"); [ $# -gt 0 ] || ifs=("${HOSTS[@]}")
    for if in "${ifs[@]}"; do
        ip netns exec "$P-rt" tcpdump -n -i "$if" -Q "$dir" -U --immediate-mode -Z root -w "$W/cap.$if.pcap" 2>"$W/tcpdump.$if" &
        RECORDING+=($!)
    done
    for if in "${ifs[@]}"; do
        for i in $(seq 50); do grep -q 'listening on' "$W/tcpdump.$if" && break; sleep 0.1; done
    done
    sleep 0.3
}

save() { # stop recording; the result is $PCAP, called after the scenario
    sleep 0.5
    kill -INT "${RECORDING[@]}"; wait "${RECORDING[@]}" || true
    mergecap -F pcap -w "$PCAP" "$W"/cap.*.pcap
}

# TCP payloads, one segment a line, in hex with "source-port>destination-port".
segments() { tshark -r "$PCAP" -Y 'tcp.len > 0' -T fields -E separator=' ' \
    -e tcp.srcport -e tcp.dstport -e tcp.payload "$@" 2>/dev/null; }

has() { # REGEX over `segments`: the capture must contain it
    segments >"$W/segments"
    grep -Eq -- "$1" "$W/segments" || { cat "$W/segments"; die "$PCAP lacks $1"; }
}
has_http2() { # PORT FILTER : frames in the clear
    tshark -r "$PCAP" -d "tcp.port==$1,http2" -Y "$2" 2>/dev/null | grep -q . || die "$PCAP lacks $2"
}
lacks() { segments >"$W/segments"; if grep -Eq -- "$1" "$W/segments"; then die "$PCAP has $1"; fi; }
hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'; }
has_text() { has "$(hex "$1")"; }

# --- running --------------------------------------------------------------------

# hit_some_thing and miss_some_thing are scenarios; each writes
# OUTPUT/$DETECTOR/hit-some-thing.pcap.  Usage: SCRIPT [OUTPUT-DIR [SCENARIO...]]
scenarios() {
    local dir=${1:-$MAKE/..} name names n
    mkdir -p "$dir/$DETECTOR"; dir=$(cd "$dir" && pwd)
    shift || true
    names=("$@")
    [ $# -gt 0 ] || mapfile -t names < <(sed -n 's/^\(\(hit\|miss\)_[a-z0-9_]*\)().*/\1/p' "$0")
    for name in "${names[@]}"; do
        PCAP=${name//_/-}.pcap
        PCAP=$dir/$DETECTOR/${PCAP/openssh/${OPENSSH:-openssh}}
        ( "$name" )
        n=$(tcpdump -n -r "$PCAP" 2>/dev/null | wc -l) || die "$PCAP is cut"
        printf '%-64s %6d bytes %4d packets\n' "$DETECTOR/${PCAP##*/}" "$(stat -c %s "$PCAP")" "$n"
    done
}

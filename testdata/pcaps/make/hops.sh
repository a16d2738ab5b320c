# Shared by the scripts about relays, chains and fan-out: what goes through a relay.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
RL3=10.9.4.40
TRAFFIC="python3 $TOOLS/traffic.py"
FORWARDS=(8080:80 4443:443 2222:22 7070:7007) # ports of a relay and of what is behind it

extra_host_up() { # NAME ADDRESS MAC-BYTE : one more host on the router
    HOSTS+=("$1")
    host_up "$1" "$2" "${2%.*}.1" "$3" "2001:db8:$3::$3" "2001:db8:$3::1"
}

gateway_up() { # a LAN behind rly: lan is 10.9.22.10, rly 10.9.22.1
    HOSTS+=(lan); ip netns add "$P-lan"; on lan ip link set lo up
    ip link add eth0 netns "$P-lan" address 02:00:00:00:22:10 type veth peer name lan netns "$P-rly" address 02:00:00:00:22:01
    on lan ethtool -K eth0 tx off tso off gso off gro off >/dev/null
    on rly ethtool -K lan tx off tso off gso off gro off >/dev/null
    on lan ip addr add 10.9.22.10/24 dev eth0; on lan ip link set eth0 up
    on rly ip addr add 10.9.22.1/24 dev lan; on rly ip link set lan up
    on lan ip route add default via 10.9.22.1
    on rly sysctl -qw net.ipv4.ip_forward=1
}

certificate() { # for web.example.test, once a scenario
    [ ! -e "$W/web.crt" ] || return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj /CN=web.example.test -addext "subjectAltName=DNS:web.example.test,DNS:*.example.test,IP:$WEB" \
        -keyout "$W/web.key" -out "$W/web.crt" 2>/dev/null
    mkdir -p "$W/pages"
    local size
    for size in 300 1500 3000 6000; do head -c $size /dev/urandom >"$W/pages/$size"; done
}

site_up() { # NS : nginx with pages of random bytes, on 80 and 443, with a PROXY header on 81 and 8443
    certificate
    cat >"$W/site.$1.conf" <<-CONF
	daemon off; master_process off; user root; pid $W/site.$1.pid; error_log $W/site.$1.err;
	events { worker_connections 64; }
	http {
	    access_log off; server_tokens off; default_type application/octet-stream; root $W/pages;
	    ssl_certificate $W/web.crt; ssl_certificate_key $W/web.key;
	    client_body_temp_path $W/n1; proxy_temp_path $W/n2; fastcgi_temp_path $W/n3;
	    uwsgi_temp_path $W/n4; scgi_temp_path $W/n5;
	    server { listen 80; listen [::]:80; listen 443 ssl; listen [::]:443 ssl; listen 81 proxy_protocol; listen 8443 ssl proxy_protocol; }
	}
	CONF
    spawn "$1" nginx -e stderr -p "$W" -c "$W/site.$1.conf"
    up "$1" 443
}

targets_up() { # NS : web pages, ssh, random bytes
    site_up "$1"; sshd_up "$1"
    spawn "$1" $TRAFFIC raw_server 7007; up "$1" 7007
}

# What cli does with the ports of FORWARDS at an address.
inner() { # ADDRESS [CLIENT-NS]
    local ns=${2:-cli}
    visit_http "$1" "$ns"; visit_https "$1" "$ns"; visit_ssh "$1" "$ns"; visit_raw "$1" "$ns"
}
visit_http() { curl_ "${2:-cli}" --connect-to "web.example.test:80:$1:8080" 'http://web.example.test/{300,3000}'; }
visit_https() {
    curl_ "${2:-cli}" --connect-to "web.example.test:443:$1:4443" https://web.example.test/300
    curl_ "${2:-cli}" --connect-to "web.example.test:443:$1:4443" 'https://web.example.test/{6000,1500}'
}
visit_ssh() { on "${2:-cli}" timeout 10 "${SSH[@]}" -p 2222 "root@${1//[][]/}" 'id; uname -a' >/dev/null; }
visit_raw() { on "${2:-cli}" $TRAFFIC raw_client "${1//[][]/}" 7070 "${3:-6}"; }

socat_up() { # NS TARGET [LISTEN-TYPE [TARGET-TYPE]] : all of FORWARDS
    local f
    for f in "${FORWARDS[@]}"; do
        spawn "$1" socat "${3:-TCP4}-LISTEN:${f%:*},fork,reuseaddr" "${4:-TCP4}:$2:${f#*:}"
    done
    for f in "${FORWARDS[@]}"; do up "$1" "${f%:*}"; done
}

ssh_config() { # for what starts ssh by itself
    printf 'Host *\n IdentityFile %s\n IdentitiesOnly yes\n BatchMode yes\n LogLevel ERROR\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n' "$W/id" >"$W/ssh_config"
}

stunnel_up() { # NS SETTING... : one service
    local ns=$1; shift
    { printf 'foreground = yes\npid =\ndebug = 3\n[s]\n'; printf '%s\n' "$@"; } >"$W/stunnel.$ns.conf"
    spawn "$ns" stunnel4 "$W/stunnel.$ns.conf"
}

balancer_up() { # NS MODE PORT [SERVER:PORT...] : checks every second
    local ns=$1 mode=$2 port=$3 n=0 s; shift 3
    { printf 'global\n    maxconn 100\ndefaults\n    mode %s\n    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\nlisten l\n    bind :%s\n    balance roundrobin\n' "$mode" "$port"
      [ "$mode" = tcp ] || echo '    option httpchk GET /300'
      for s in "$@"; do n=$((n + 1)); echo "    server s$n $s check inter 1s"; done
    } >"$W/balancer.$ns.conf"
    spawn "$ns" haproxy -db -f "$W/balancer.$ns.conf"; up "$ns" "$port"
}

many_targets() { # COUNT : addresses 198.51.100.101 and on, with names t101.example.test and on
    local n
    for n in $(seq 101 $((100 + $1))); do on out ip addr add 198.51.100.$n/24 dev eth0; done
}

# The same bytes, long enough not to come twice by chance, went to both ports.
echoed() { # PORT PORT
    segments >"$W/segments"
    awk -v a="$1" -v b="$2" 'length($3) >= 40 { key = substr($3, 1, 400)
        if ($2 == a) left[key]; else if ($2 == b) right[key] }
        END { for (key in left) if (key in right) exit 0; exit 1 }' "$W/segments" ||
        { cut -c1-100 "$W/segments"; die "$PCAP: nothing echoed from $1 to $2"; }
}
apart() { # PORT PORT : nothing did
    if (echoed "$@") >/dev/null 2>&1; then die "$PCAP: echoed from $1 to $2"; fi
}
echoed_all() { local f; for f in "${FORWARDS[@]}"; do echoed "${f%:*}" "${f#*:}"; done; }

busy() { # ADDRESS ADDRESS PACKETS : so many went from one to the other
    local n
    n=$(tcpdump -n -r "$PCAP" "src host $1 and dst host $2" 2>/dev/null | wc -l)
    [ "$n" -ge "$3" ] || die "$PCAP: $n packets from $1 to $2"
}

also() { # NS INTERFACE DIRECTION : a further capture point
    ip netns exec "$P-$1" tcpdump -n -i "$2" -Q "$3" -U --immediate-mode -Z root -w "$W/cap.$1.$2.pcap" 2>"$W/tcpdump.$1.$2" &
    RECORDING+=($!)
    local i
    for i in $(seq 50); do grep -q 'listening on' "$W/tcpdump.$1.$2" && break; sleep 0.1; done
}

rewrite() { # COMMAND WITH IN AND OUT... : PCAP through a tool
    mv "$PCAP" "$W/whole"
    "${@//%out/$PCAP}"
}

#!/usr/bin/env bash
# Captures of what takes in and sends out and is no relay, or one by trade.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/hops.sh"
DETECTOR=relay
APPS="python3 $TOOLS/apps.py"

# --- application servers --------------------------------------------------------

visits() { # PORT [tls] : two clients at once
    record
    on cli $APPS visit $RLY "$1" 22 ${2:-} & local first=$!
    on out $APPS visit $RLY "$1" 15 ${2:-}; wait $first
    save
}

miss_app_mariadb() {
    net_up; mkdir "$W/db"
    mariadb-install-db --no-defaults --user=root --datadir="$W/db" --skip-test-db --auth-root-authentication-method=normal >/dev/null 2>&1
    printf 'create user shop@"%%";\ngrant all on *.* to shop@"%%";\n' >"$W/init.sql"
    spawn rl2 mariadbd --no-defaults --user=root --datadir="$W/db" --socket="$W/db.sock" --port=3306 \
        --bind-address=0.0.0.0 --init-file="$W/init.sql" --skip-name-resolve; up rl2 3306
    spawn rly $APPS app 8000 mariadb $RL2; up rly 8000
    visits 8000; has_text 'select name from things'
}

miss_app_postgres() {
    net_up; install -d -o nobody "$W/pg"; local run="setpriv --reuid=nobody --clear-groups"
    (cd /; $run env PATH="$PATH:/usr/lib/postgresql/15/bin" initdb -D "$W/pg" -U postgres -A trust >/dev/null)
    echo 'host all all 10.9.0.0/16 trust' >>"$W/pg/pg_hba.conf"
    spawn rl2 $run env PATH="$PATH:/usr/lib/postgresql/15/bin" postgres -D "$W/pg" -h $RL2 -k "$W/pg"; up rl2 5432
    spawn rly $APPS app 8000 postgres $RL2; up rly 8000
    visits 8000; has_text 'select name from things'
}

miss_app_redis() { # the values of the store stand in the page as they are
    net_up; spawn rl2 redis-server --save '' --protected-mode no --bind 0.0.0.0; up rl2 6379
    spawn rly $APPS app 8000 redis $RL2; up rly 8000
    visits 8000; has_text 'thing:'
}

miss_app_api() { # plain HTTP to JSON over HTTP
    net_up; spawn rl2 $APPS api 8000; up rl2 8000; spawn rly $APPS app 8000 api $RL2; up rly 8000
    visits 8000; has_text '"fields"'
}

miss_app_api_tls() { # TLS on both legs
    net_up; certificate
    spawn rl2 $APPS api 8443 "$W/web.crt" "$W/web.key"; up rl2 8443
    spawn rly $APPS app 4443 api $RL2 "$W/web.crt" "$W/web.key"; up rly 4443
    visits 4443 tls; has ' 8443 1703'
}

# --- store and forward --------------------------------------------------------------

says() { # COUNT : lines of any length, at the pace of people
    local i
    for ((i = 0; i < $1; i++)); do
        echo "line $i: $(head -c $((RANDOM % 60 + 5)) /dev/urandom | base64 -w0)"; sleep $((RANDOM % 2)).$((RANDOM % 9 + 1))
    done
}

miss_syslog_relay() { # RFC 5424: a relay of messages; nobody answers
    net_up; mkdir "$W/queue"
    printf 'global(workDirectory="%s/queue")\nmodule(load="imtcp")\ninput(type="imtcp" port="514")\naction(type="omfwd" target="%s" port="514" protocol="tcp")\n' \
        "$W" $RL2 >"$W/rsyslog.conf"
    spawn rl2 socat -u TCP-LISTEN:514,fork STDOUT; up rl2 514
    spawn rly rsyslogd -n -f "$W/rsyslog.conf" -i "$W/rsyslog.pid"; up rly 514
    record; says 20 | on cli logger -s -t app -n $RLY -P 514 -T --rfc3164 >/dev/null 2>&1; save; busy $CLI $RLY 20; busy $RLY $RL2 20
}

miss_mqtt_bridge_tls() { # publishers at one broker, which tells another
    net_up; certificate
    printf 'listener 8883 0.0.0.0\nallow_anonymous true\ncertfile %s/web.crt\nkeyfile %s/web.key\n' "$W" "$W" >"$W/broker.conf"
    { cat "$W/broker.conf"; printf 'connection site\naddress %s:8883\ntopic # both 0\nbridge_cafile %s/web.crt\nbridge_insecure true\n' $OUT "$W"; } >"$W/bridge.conf"
    chmod -R a+rX "$W"; spawn out mosquitto -c "$W/broker.conf"; up out 8883
    spawn rly mosquitto -c "$W/bridge.conf"; up rly 8883; sleep 1; record
    says 20 | on cli mosquitto_pub -h $RLY -p 8883 --cafile "$W/web.crt" --insecure -t plant -l; save; busy $CLI $RLY 20; busy $RLY $OUT 20
}

miss_mqtt_bridge() { # both sites publish and subscribe
    net_up; printf 'listener 1883 0.0.0.0\nallow_anonymous true\n' >"$W/broker.conf"
    { cat "$W/broker.conf"; printf 'connection site\naddress %s:1883\ntopic # both 0\n' $RL2; } >"$W/bridge.conf"
    chmod -R a+rX "$W"; spawn rl2 mosquitto -c "$W/broker.conf"; up rl2 1883
    spawn rly mosquitto -c "$W/bridge.conf"; up rly 1883; sleep 1; record
    spawn web mosquitto_sub -h $RL2 -t '#'; spawn cli mosquitto_sub -h $RLY -t 'there/#'; sleep 0.5
    says 20 | on out mosquitto_pub -h $RL2 -t there/1 -l & local there=$!
    says 20 | on cli mosquitto_pub -h $RLY -t here/1 -l; wait $there; save; busy $CLI $RLY 20; busy $RLY $RL2 20
}

miss_pgbouncer() { # three clients share two connections, a transaction each
    net_up; install -d -o nobody "$W/pg"; local run="setpriv --reuid=nobody --clear-groups" i client
    (cd /; $run env PATH="$PATH:/usr/lib/postgresql/15/bin" initdb -D "$W/pg" -U postgres -A trust >/dev/null)
    echo 'host all all 10.9.0.0/16 trust' >>"$W/pg/pg_hba.conf"
    spawn rl2 $run env PATH="$PATH:/usr/lib/postgresql/15/bin" postgres -D "$W/pg" -h $RL2 -k "$W/pg"; up rl2 5432
    printf '[databases]\npostgres = host=%s port=5432 user=postgres\n[pgbouncer]\nlisten_addr=0.0.0.0\nlisten_port=6432\nauth_type=any\nunix_socket_dir=\npool_mode=transaction\n' \
        $RL2 >"$W/pgbouncer.ini"; chmod -R a+rX "$W"
    spawn rly $run pgbouncer "$W/pgbouncer.ini"; up rly 6432; record
    on cli psql -q -h $RLY -p 6432 -U postgres -c 'create table t as select i a, md5(i::text) b from generate_series(1,500) i' postgres
    for client in 1 2 3; do
        for ((i = 0; i < 12; i++)); do
            echo "select * from t where a > $((RANDOM % 500)) limit $((RANDOM % 9 + 1));"; sleep 0.$((RANDOM % 7 + 3))
        done | on cli timeout 30 psql -q -h $RLY -p 6432 -U postgres postgres >/dev/null &
    done; sleep 9; save; busy $CLI $RLY 30; busy $RLY $RL2 30
}

miss_mail() { # postfix on rly takes mails, queues them and hands them on
    net_up; mkdir -p "$W/postfix" "$W/spool"; install -d -o postfix "$W/data"
    cp /usr/share/postfix/master.cf.dist "$W/postfix/master.cf"; sed -i 's/^\([a-z].*\) y  \( *[-0-9]\)/\1 n  \2/' "$W/postfix/master.cf"
    cat >"$W/postfix/main.cf" <<-CONF
	compatibility_level = 3.6
	queue_directory = $W/spool
	data_directory = $W/data
	myhostname = relay.example.test
	mydestination =
	relayhost = [$WEB]
	mynetworks = 10.9.0.0/16
	inet_protocols = ipv4
	local_recipient_maps =
	alias_maps =
	maillog_file = /dev/stdout
	smtp_tls_security_level = none
	smtpd_tls_security_level = none
	CONF
    spawn web aiosmtpd -n -c aiosmtpd.handlers.Sink -l $WEB:25; up web 25
    spawn rly postfix -c "$W/postfix" start-fg; up rly 25
    record; on cli $APPS mail $RLY; sleep 2; save
    has ' 25 '; has_text 'Received: from '
}

miss_backup_rsync() { # cli brings files, then rl2 fetches the same from rly
    net_up; mkdir "$W/files" "$W/store" "$W/copy"
    for n in 3 8 20; do head -c ${n}00 /dev/urandom >"$W/files/$n"; done
    printf 'uid = root\nuse chroot = no\n[store]\n path = %s\n read only = no\n' "$W/store" >"$W/rsyncd.conf"
    spawn rly rsync --daemon --no-detach --config="$W/rsyncd.conf"; up rly 873
    record
    on cli rsync -a "$W/files/" rsync://$RLY/store/
    sleep 1.5
    on rl2 rsync -a rsync://$RLY/store/ "$W/copy/"
    save; cmp "$W/files/20" "$W/copy/20"
}

miss_backup_pulled_on() { # rly pulls from cli and pushes to rl2, one after the other
    net_up; mkdir "$W/files" "$W/store" "$W/copy"
    for n in 3 8 20; do head -c ${n}00 /dev/urandom >"$W/files/$n"; done
    printf 'uid = root\nuse chroot = no\n[files]\n path = %s\n' "$W/files" >"$W/rsyncd.cli"
    printf 'uid = root\nuse chroot = no\n[copy]\n path = %s\n read only = no\n' "$W/copy" >"$W/rsyncd.rl2"
    spawn cli rsync --daemon --no-detach --config="$W/rsyncd.cli"; up cli 873
    spawn rl2 rsync --daemon --no-detach --config="$W/rsyncd.rl2"; up rl2 873
    record
    on rly rsync -a rsync://$CLI/files/ "$W/store/"; sleep 0.5; on rly rsync -a "$W/store/" rsync://$RL2/copy/
    save; cmp "$W/files/20" "$W/copy/20"
}

# --- ICMP -------------------------------------------------------------------------

miss_icmp_quotes() { # DTLS to a closed port: the error quotes the hello
    net_up
    record
    on cli timeout 3 openssl s_client -dtls -connect $RLY:4433 </dev/null >/dev/null 2>&1 || true
    on cli timeout 3 openssl s_client -dtls -connect $WEB:4433 </dev/null >/dev/null 2>&1 || true
    save; [ "$(tshark -r "$PCAP" -Y 'icmp.type == 3' 2>/dev/null | wc -l)" -ge 2 ] || die "$PCAP: no errors"
}

miss_icmp_pings() { # monitoring in step: cli asks rly, rly asks web, with the same data
    net_up
    record
    local n; for n in 1 2 3 4 5 6; do
        on cli ping -q -c 1 -s 200 -p 6d6f6e69746f72 $RLY >/dev/null
        on rly ping -q -c 1 -s 200 -p 6d6f6e69746f72 $WEB >/dev/null; sleep 0.3
    done
    save; [ "$(tshark -r "$PCAP" -Y icmp 2>/dev/null | wc -l)" -ge 20 ] || die "$PCAP: too few pings"
}

# --- resolvers, time ---------------------------------------------------------------------

queries() { local n; for n in web www2 relay web6 banned nowhere web; do on cli $TRAFFIC dns_query $RLY $n.example.test; sleep 0.2; done; }

miss_resolver_dnsmasq() {
    net_up; spawn rly dnsmasq -k -C /dev/null -R -h -u root --pid-file= --bind-interfaces --listen-address=$RLY --server=$DNS; up rly 53
    record; queries; save; lacks .
}

miss_resolver_unbound() {
    net_up
    printf 'server:\n chroot: ""\n directory: "%s"\n pidfile: ""\n username: ""\n use-syslog: no\n interface: %s\n access-control: 10.0.0.0/8 allow\n module-config: "iterator"\n do-not-query-localhost: no\n local-zone: "test." nodefault\nforward-zone:\n name: "."\n forward-addr: %s\n' "$W" $RLY $DNS >"$W/unbound.conf"
    spawn rly unbound -d -c "$W/unbound.conf"; up rly 53
    record; queries; save; lacks .
}

miss_ntp() { # rly asks web and answers cli
    net_up
    printf 'local stratum 3\nallow\ncmdport 0\nbindcmdaddress /\n' >"$W/chrony.web"
    printf 'server %s minpoll 0 maxpoll 0 iburst\nlocal stratum 8\nallow\ncmdport 0\nbindcmdaddress /\n' $WEB >"$W/chrony.rly"
    printf 'server %s minpoll 0 maxpoll 0 iburst\ncmdport 0\nbindcmdaddress /\n' $RLY >"$W/chrony.cli"
    local ns; for ns in web rly cli; do echo "pidfile $W/chrony.$ns.pid" >>"$W/chrony.$ns"; done
    record
    for ns in web rly cli; do spawn $ns chronyd -x -d -u root -f "$W/chrony.$ns"; sleep 0.3; done
    sleep 12; save
    [ "$(tshark -r "$PCAP" -Y 'ntp && ip.src == 10.9.2.20' 2>/dev/null | wc -l)" -ge 10 ] || die 'too few NTP packets'
}

# --- caches, reverse proxies, balancers ---------------------------------------------------

front_up() { # HTTP-CONFIG... : nginx on rly, port 8080
    { echo "daemon off; master_process off; user root; pid $W/front.pid; error_log $W/front.err; events {} http { access_log off;"
      printf '%s\n' "client_body_temp_path $W/f1; proxy_temp_path $W/f2; fastcgi_temp_path $W/f3; uwsgi_temp_path $W/f4; scgi_temp_path $W/f5;" "$@" '}'; } >"$W/front.conf"
    spawn rly nginx -e stderr -p "$W" -c "$W/front.conf"; up rly 8080
}

from_outside() { # ROUNDS : out is the client
    local n
    for n in $(seq "$1"); do curl_ out "http://$RLY:8080/300?$n"; sleep 0.15; curl_ out "http://$RLY:8080/{1500,3000,300}"; sleep 0.2; done
}

miss_nginx_reverse_proxy() { # an outside client, two servers behind
    net_up; extra_host_up rl3 $RL3 40; site_up rl2; site_up rl3
    front_up "upstream back { server $RL2; server $RL3; }" 'server { listen 8080; location / { proxy_pass http://back; } }'
    record; from_outside 4; save; has_text 'Host: back'
}

miss_nginx_reverse_proxy_pool() { # the connections to the servers stay open and are shared
    net_up; extra_host_up rl3 $RL3 40; site_up rl2; site_up rl3
    front_up "upstream back { server $RL2; server $RL3; keepalive 4; }" \
        'server { listen 8080; location / { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; } }'
    record; from_outside 5; save; has_text 'Host: back'
}

miss_nginx_tls_offload() { # TLS from outside, plain HTTP to the server behind
    net_up; site_up rl2
    front_up "ssl_certificate $W/web.crt; ssl_certificate_key $W/web.key;" \
        "server { listen 8080; listen 4443 ssl; location / { proxy_pass http://$RL2; } }"
    record; for _ in 1 2 3 4 5 6 7; do curl_ out -k "https://$RLY:4443/{300,1500,3000}"; sleep 0.3; done; save
    has ' 4443 1603'; has ' 80 474554'
}

miss_nginx_gateway() { # sessions in TLS that stay, from each of which nginx asks a service outside, in TLS anew for each page
    local reads="/usr/bin/python3 $TOOLS/reads.py $RLY 4443" asks
    net_up; site_up web; front_up "ssl_certificate $W/web.crt; ssl_certificate_key $W/web.key;" \
        "server { listen 8080; listen 4443 ssl; location / { proxy_pass https://$WEB; } }"
    record; on cli timeout 60 $reads 25 300 1500 3000 6000 & asks=$!
    on rl2 timeout 60 $reads 25 300 1500 3000 6000; wait $asks; save; has ' 4443 1603'; has ' 443 1603'
}

miss_nginx_cache() { # one page is fetched once, and again when it is old; the rest comes from the store
    net_up; site_up rl2
    front_up "proxy_cache_path $W/cache keys_zone=c:1m;" \
        "server { listen 8080; location / { proxy_pass http://$RL2; proxy_cache c; proxy_cache_valid 200 3s; proxy_cache_revalidate on; } }"
    record; for _ in 1 2 3 4 5 6 7 8; do curl_ out "http://$RLY:8080/{300,1500}"; sleep 0.8; done; save
    has ' 80 474554'
}

miss_varnish_cache() { # the same by another make
    net_up; site_up rl2; mkdir "$W/varnish"
    spawn rly varnishd -F -a $RLY:8080 -b $RL2:80 -n "$W/varnish" -s malloc,10M -T none -j none -t 3; up rly 8080
    record; for _ in 1 2 3 4 5 6 7 8; do curl_ out "http://$RLY:8080/{300,1500}"; sleep 0.8; done; save
    has ' 80 474554'
}

miss_squid_cache() { # squid as an accelerator
    net_up; site_up rl2
    squid_up rly "$RLY:8080 accel defaultsite=web.example.test" "cache_peer $RL2 parent 80 0 no-query originserver" 'refresh_pattern . 0 20% 1'
    record; for _ in 1 2 3 4 5 6; do curl_ out "http://$RLY:8080/{300,1500}"; sleep 0.5; done; save
    has ' 80 474554'
}

miss_haproxy_http() { # checks every second
    net_up; extra_host_up rl3 $RL3 40; site_up rl2; site_up rl3; balancer_up rly http 8080 $RL2:80 $RL3:80
    record; from_outside 5; sleep 3; save; has ' 80 474554'
}

miss_haproxy_chain_checks() { # balancer behind balancer: the checks of the first come through the second, and nobody else does
    net_up; extra_host_up rl3 $RL3 40; site_up rl3; site_up cli
    balancer_up rl2 http 8080 $RL3:80 $CLI:80; balancer_up rly http 8080 $RL2:8080
    record; sleep 12; save; has ' 8080 474554'; has ' 80 474554'
}

miss_haproxy_chain() { # the same with clients
    net_up; extra_host_up rl3 $RL3 40; site_up rl3; site_up cli
    balancer_up rl2 http 8080 $RL3:80 $CLI:80; balancer_up rly http 8080 $RL2:8080
    record; from_outside 5; sleep 2; save; has ' 80 474554'
}

# --- the same flow twice --------------------------------------------------------------------

miss_source_nat() { # rly hides a LAN behind its address; both sides are seen
    net_up; targets_up web; gateway_up; on rly iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
    record; also rly lan inout; plain_sessions lan; save
    [ "$(tshark -r "$PCAP" -Y "ip.src == 10.9.22.10" 2>/dev/null | wc -l)" -ge 20 ] || die 'no LAN side'
}

miss_source_nat_ports() { # the same, and all source ports become others
    net_up; targets_up web; gateway_up; on rly iptables -t nat -A POSTROUTING -o eth0 -p tcp -j MASQUERADE --to-ports 20000-20999 --random
    record; also rly lan inout; plain_sessions lan; save; has '^20[0-9]{3} 443 1603'
}

plain_sessions() { # NS
    curl_ "$1" http://$WEB/3000; curl_ "$1" https://$WEB/300; curl_ "$1" "https://$WEB/{6000,1500}"
    on "$1" "${SSH[@]}" root@$WEB id >/dev/null; on "$1" $TRAFFIC raw_client $WEB 7007 5
}

miss_routed_both_sides() { # before and after a router
    net_up; targets_up web; record inout; plain_sessions cli; save; busy $CLI $WEB 80
}

miss_routed_by_host() { # rly routes for a LAN without any NAT: seen on its LAN and on the router
    net_up; targets_up web; gateway_up; on rt ip route add 10.9.22.0/24 via $RLY
    record; also rly lan inout; plain_sessions lan; save; busy 10.9.22.10 $WEB 80
}

miss_span_copies() {
    net_up; targets_up web; record; plain_sessions cli; save
    rewrite editcap -F pcap -t 0.00002 "$W/whole" "$W/again"; mergecap -F pcap -w "$PCAP" "$W/whole" "$W/again"
}

# --- many sessions in and out ---------------------------------------------------------------------

miss_monitoring() { # rly polls six servers every second, and is looked at itself
    local ns n
    net_up; extra_host_up rl3 $RL3 40
    for ns in rl2 rl3 web out cli rly; do site_up $ns; done
    record
    on rly $APPS poll 8 $RL2 $RL3 $WEB $OUT $CLI & local poller=$!
    for n in 1 2 3 4 5 6 7 8; do curl_ out http://$RLY/1500; sleep 1; done; wait $poller
    save; has_text poller/2.1
}

miss_ssh_controller() { # rly runs commands on four hosts, twice, while somebody works on rly by ssh
    local ns a n; local addresses=($RL2 $RL3 $WEB $CLI)
    net_up; extra_host_up rl3 $RL3 40
    for ns in rl2 rl3 web cli rly; do sshd_up $ns; done
    record
    on out $TRAFFIC typed 'id|uname -a|ls /etc|df /|exit' "${SSH[@]}" -tt root@$RLY 'bash --norc -i' & local admin=$!
    for n in 1 2; do for a in "${addresses[@]}"; do on rly "${SSH[@]}" root@$a 'uptime; df -h /' >/dev/null; done; done
    wait $admin; save; busy $OUT $RLY 40; busy $RLY $CLI 20
}

miss_crawler() { # rly is a web server, and fetches from twenty others
    local n
    net_up; site_up web; site_up rly
    for n in $(seq 101 120); do on out ip addr add 198.51.100.$n/24 dev eth0; done; site_up out
    record
    for n in $(seq 101 120); do curl_ rly -A crawler/1.0 "http://198.51.100.$n/{300,1500}" & curl_ cli http://$RLY/300; sleep 0.1; done
    wait $! || true; save; has_text crawler/1.0
}

miss_two_timers() { # a beat comes in every second and another goes out 10 ms later, by two clocks
    net_up; spawn rly $APPS beat_server 7000; spawn web $APPS beat_server 7001; up rly 7000; up web 7001
    record
    on cli $APPS beat $RLY 7000 64 1 20 & local a=$!; on rl2 $APPS beat $RLY 7000 80 1 20 & local b=$!
    sleep 0.01; on rly $APPS beat $WEB 7001 48 1 20; wait $a $b; save; busy $CLI $RLY 20; busy $RLY $WEB 20
}

miss_two_timers_same_size() { # the sizes are the same, the periods nearly
    net_up; spawn rly $APPS beat_server 7000; spawn web $APPS beat_server 7001; up rly 7000; up web 7001
    record
    on cli $APPS beat $RLY 7000 64 1 25 & local a=$!; on rl2 $APPS beat $RLY 7000 64 1.009 25 & local b=$!
    on rly $APPS beat $WEB 7001 64 1.004 25; wait $a $b; save; busy $CLI $RLY 20; busy $RLY $WEB 20
}

# --- brokers: what one sends in, others get --------------------------------------------------------

miss_mqtt() { # mosquitto on rly, one sender, two listeners; payloads are passed on as they are
    local n
    net_up; printf 'listener 1883\nallow_anonymous true\n' >"$W/mosquitto.conf"
    spawn rly mosquitto -c "$W/mosquitto.conf"; up rly 1883
    record
    spawn rl2 mosquitto_sub -h $RLY -t 'plant/#'; spawn web mosquitto_sub -h $RLY -t plant/temp; sleep 0.5
    for n in 1 2 3 4 5 6 7 8 9 10; do head -c "${n}0" /dev/urandom >"$W/load"; on cli mosquitto_pub -h $RLY -t plant/temp -f "$W/load"; sleep 0.3; done
    save; has_text plant/temp
}

miss_mqtt_session() { # the sender keeps one connection
    local n
    net_up; printf 'listener 1883\nallow_anonymous true\n' >"$W/mosquitto.conf"
    spawn rly mosquitto -c "$W/mosquitto.conf"; up rly 1883
    record
    spawn rl2 mosquitto_sub -h $RLY -t 'plant/#'; sleep 0.5
    for n in $(seq 25); do head -c "$((RANDOM % 60 + 10))" /dev/urandom | base64 -w 0; echo; sleep "0.$((RANDOM % 5 + 1))"; done |
        on cli mosquitto_pub -h $RLY -t plant/temp -l
    save; has_text plant/temp
}

miss_redis_pubsub() {
    net_up; spawn rly redis-server --save '' --protected-mode no --bind 0.0.0.0; up rly 6379
    record
    spawn rl2 redis-cli -h $RLY subscribe news; spawn web redis-cli -h $RLY subscribe news; sleep 0.5
    on cli $APPS redis_publish $RLY 20
    save; has_text news
}

miss_chat() { # three people; the server puts the name before each line
    net_up; spawn rly $APPS chat 6667; up rly 6667
    record
    on cli $APPS chat_client $RLY 6667 ann 1 & local a=$!; on rl2 $APPS chat_client $RLY 6667 bob 2 & local b=$!
    on web $APPS chat_client $RLY 6667 cleo 3; wait $a $b; save; has_text '<bob> '
}

miss_app_in_tls() { # a shop in TLS that asks a service outside in TLS, both anew for each page
    local n
    net_up; certificate
    spawn web $APPS stock 8443 "$W/web.crt" "$W/web.key"; up web 8443
    spawn rly $APPS shop 9443 $WEB "$W/web.crt" "$W/web.key"; up rly 9443
    record
    for n in 50 3 21 34 9 45 17 28 1 39 12 55 6 24; do
        curl_ cli --connect-to "web.example.test:443:$RLY:9443" "https://web.example.test/$n"; sleep "$((RANDOM % 2)).$((RANDOM % 5 + 4))"
    done
    save; has '^[0-9]+ 9443 1603'; has '^[0-9]+ 8443 1603'
}

miss_worker() { # what a queue outside sends it in TLS, unasked, it posts to an API, each time anew
    net_up; certificate
    spawn out $APPS queue 8443 24 "$W/web.crt" "$W/web.key"; up out 8443
    spawn rl2 $APPS sink 8443 "$W/web.crt" "$W/web.key"; up rl2 8443
    record; on rly $APPS worker $OUT $RL2; save; busy $RLY $RL2 200
}

# --- two things at once --------------------------------------------------------------------------

miss_two_typists() { # cli types on rly by ssh; at rly's own keyboard somebody types on web by ssh
    net_up; sshd_up rly; sshd_up web
    record
    on cli $TRAFFIC typed 'id|uname -a|ls /etc|df /|who|echo all of it|exit' "${SSH[@]}" -tt root@$RLY 'bash --norc -i' & local first=$!
    SEED=6 on rly $TRAFFIC typed 'w|date|cat /etc/hosts|ls -l /usr|uptime|ps|exit' "${SSH[@]}" -tt root@$WEB 'bash --norc -i'
    wait $first; save; busy $CLI $RLY 60; busy $RLY $WEB 60
}

miss_two_sessions() { # two long sessions of random bytes at random times, one into rly and one out of it
    net_up; spawn rly $TRAFFIC raw_server 7007; spawn web $TRAFFIC raw_server 7007; up rly 7007; up web 7007
    record
    on cli $TRAFFIC raw_client $RLY 7007 40 0.4 & local first=$!
    SEED=6 on rly $TRAFFIC raw_client $WEB 7007 40 0.4; wait $first; save; busy $CLI $RLY 40; busy $RLY $WEB 40
}

scenarios "$@"

#!/usr/bin/env bash
# Captures of what is no chain of relays.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/hops.sh"
DETECTOR=multi-hop

miss_two_relays_apart() { # cli through rly, out through rl2, to the same server at the same time
    net_up; targets_up web; socat_up rly $WEB; socat_up rl2 $WEB
    record
    inner $RLY & local first=$!; inner $RL2 out; wait $first
    save; echoed_all
}

miss_relay_to_a_relay_host() { # cli reaches the web server of rl2 through rly, while rl2 relays something else to web
    net_up; targets_up web; site_up rl2; socat_up rl2 $WEB
    spawn rly socat TCP4-LISTEN:8080,fork,reuseaddr TCP4:$RL2:80; up rly 8080
    spawn rly socat TCP4-LISTEN:4443,fork,reuseaddr TCP4:$RL2:443; up rly 4443
    record
    (visit_http $RLY; sleep 0.1; visit_https $RLY) & local first=$!
    visit_https $RL2 out; visit_raw $RL2 out 5; wait $first
    save; echoed 8080 80; echoed 4443 443
}

miss_ssh_after_ssh() { # somebody works on rly by ssh and is gone; rly copies to rl2 by itself a moment later
    net_up; sshd_up rly; sshd_up rl2
    record
    on cli $TRAFFIC typed 'id|uname -a|df /|exit' "${SSH[@]}" -tt root@$RLY 'bash --norc -i'; sleep 1
    on rly "${SSH[@]}" root@$RL2 'uptime; df /' >/dev/null
    save
}

miss_web_app_database() { # client, web server, application, database: a chain of services
    net_up; extra_host_up rl3 $RL3 40
    spawn rl3 redis-server --save '' --protected-mode no --bind 0.0.0.0; up rl3 6379
    spawn rl2 python3 "$TOOLS/apps.py" app 8000 redis $RL3; up rl2 8000
    { echo "daemon off; master_process off; user root; pid $W/front.pid; error_log $W/front.err; events {} http { access_log off;"
      printf '%s\n' "client_body_temp_path $W/f1; proxy_temp_path $W/f2; fastcgi_temp_path $W/f3; uwsgi_temp_path $W/f4; scgi_temp_path $W/f5;" \
          "server { listen 8080; location / { proxy_pass http://$RL2:8000; } } }"; } >"$W/front.conf"
    spawn rly nginx -e stderr -p "$W" -c "$W/front.conf"; up rly 8080
    record; on out python3 "$TOOLS/apps.py" visit $RLY 8080 20; save
    has_text 'thing:'
}

scenarios "$@"

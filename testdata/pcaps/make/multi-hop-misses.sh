#!/usr/bin/env bash
# Captures of what is no chain of relays.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/hops.sh"
DETECTOR=multi-hop

miss_ssh_after_ssh() { # somebody works on rly by ssh and is gone; rly copies to rl2 by itself a moment later
    net_up; sshd_up rly; sshd_up rl2
    record
    on cli $TRAFFIC typed 'id|uname -a|df /|exit' "${SSH[@]}" -tt root@$RLY 'bash --norc -i'; sleep 1
    on rly "${SSH[@]}" root@$RL2 'uptime; df /' >/dev/null
    save; busy $CLI $RLY 40; busy $RLY $RL2 10
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

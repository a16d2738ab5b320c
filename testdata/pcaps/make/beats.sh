# Shared by the scripts about rhythms: clients that come back, and whom they come to.
. "$(dirname "${BASH_SOURCE[0]}")/long.sh"

beats() { # COUNT LEAST MOST COMMAND... : it runs so often, with a pause between these seconds after each
    local n count=$1 least=$2 most=$3; shift 3
    for n in $(seq "$count"); do
        BEAT=$n "$@"
        sleep "$(awk -v a="$least" -v b="$most" -v r=$RANDOM 'BEGIN { print a + (b - a) * r / 32767 }')"
    done
}
again() { # COUNT PERIOD COMMAND... : by the clock, however long the command takes
    local n now begun count=$1 period=$2; shift 2
    begun=$(date +%s.%N)
    for n in $(seq "$count"); do
        BEAT=$n "$@"; now=$(date +%s.%N)
        sleep "$(awk -v b="$begun" -v w="$now" -v n="$n" -v p="$period" 'BEGIN { d = b + n * p - w; print (d > 0 ? d : 0) }')"
    done
}
server_up() { # an nginx on out that answers `idle`, and a longer task where it has one; http and https
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=out.example.test \
        -keyout "$W/out.key" -out "$W/out.crt" 2>/dev/null
    cat >"$W/out.conf" <<END
daemon off; master_process off; user root; pid $W/out.pid; error_log $W/out.err;
events { worker_connections 64; }
http {
    access_log off; default_type text/plain; client_body_temp_path $W/o1; proxy_temp_path $W/o2;
    fastcgi_temp_path $W/o3; uwsgi_temp_path $W/o4; scgi_temp_path $W/o5;
    ssl_certificate $W/out.crt; ssl_certificate_key $W/out.key;
    server {
        listen 80; listen 443 ssl;
        location / { return 200 "idle\n"; }
        location /task { return 200 "run: the name of this host, and what is in its directory of logs, and send it here\n"; }
    }
}
END
    spawn out nginx -e stderr -p "$W" -c "$W/out.conf"; up out 443
}
page() { if [ $((BEAT % 7)) = 0 ]; then echo task; else echo beat; fi; }
looks_up_only() { curl_ cli http://web.example.test/; curl_ rly http://web.example.test/; }
polls() { on cli curl -q -s -k -o /dev/null -m 5 "https://sync.example.test/$(page)" || true; }

#!/usr/bin/env bash
# Captures of web traffic that is not forward proxying and must stay quiet.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/lib.sh"
DETECTOR=http-forward-proxy

miss_absolute_form_to_origin() { # allowed by RFC 9112: the server itself is named
    net_up; web_up; record
    curl_ cli --request-target http://web.example.test/ http://web.example.test/
    curl_ cli --request-target http://$WEB/ http://$WEB/
    save
    has " 80 $(hex 'GET http://web.example.test/ HTTP/1.1')"; has_text 'hello from web'
}

miss_scan_absolute_form() { # a scanner asks nginx for other hosts: its default page, and 404
    net_up; web_up; record
    curl_ cli -x http://$WEB:80 http://other-host.example/
    curl_ cli -x http://$WEB:80 http://www2.example.test/azenv.php
    save
    has " 80 $(hex 'GET http://other-host.example/ HTTP/1.1')"; has_text 'the default page'; has "80 [0-9]+ $(hex 'HTTP/1.1 404')"
}

miss_nginx_reverse_proxy() { # origin-form on both legs
    net_up; web_up
    cat >"$W/reverse.conf" <<END
daemon off; master_process off; user root; pid $W/reverse.pid; error_log $W/reverse.err;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path $W/r1; proxy_temp_path $W/r2; fastcgi_temp_path $W/r3;
    uwsgi_temp_path $W/r4; scgi_temp_path $W/r5;
    server { listen 80; location / {
        proxy_pass http://$WEB:80; proxy_set_header Host web.example.test;
        proxy_set_header X-Forwarded-For \$remote_addr; add_header Via "1.1 relay"; } }
}
END
    spawn rly nginx -e stderr -p "$W" -c "$W/reverse.conf"; up rly 80
    record; curl_ cli http://$RLY/ http://$RLY/cached -o /dev/null; save
    has " 80 $(hex 'GET / HTTP/1.1')"; has " 80 $(hex 'GET / HTTP/1.0')"; has_text 'hello from'
}

miss_ordinary_web() { # curl and wget, several requests on one connection; a proxy's URL in a query
    net_up; web_up; record
    curl_ cli http://web.example.test/ http://web.example.test/cached -o /dev/null
    curl_ cli "http://web.example.test/go?to=http://other-host.example/"
    on cli wget -q -O /dev/null http://web.example.test/ http://web.example.test/cached
    curl_ cli https://web.example.test/
    save
    has " 80 $(hex 'GET /go?to=http://other-host.example/')"
}

scenarios "$@"

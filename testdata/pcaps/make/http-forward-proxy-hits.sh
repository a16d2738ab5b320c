#!/usr/bin/env bash
# Captures of HTTP forward proxies that must be found.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/lib.sh"
DETECTOR=http-forward-proxy

# Two requests on one connection where the proxy lets them, one by address.
requests() { # PROXY:PORT
    curl_ cli -x "http://$1" http://web.example.test/ http://web.example.test/cached -o /dev/null
    curl_ cli -x "http://$1" http://$WEB/
}

hit_tinyproxy() {
    net_up; web_up; tinyproxy_up rly $RLY 8888; record; requests $RLY:8888; save
    has " 8888 $(hex 'GET http://web.example.test/ HTTP/1.1')"; has "8888 [0-9]+ $(hex 'HTTP/1.')"; has_text 'hello from'
}

hit_squid() { # a miss, then a hit from the cache
    net_up; web_up; squid_up rly $RLY:3128
    record
    requests $RLY:3128
    curl_ cli -x http://$RLY:3128 http://web.example.test/cached
    save
    has " 3128 $(hex 'GET http://web.example.test/cached')"; has_text 'X-Cache: MISS'; has_text 'X-Cache: HIT'
}

hit_apt_cacher() { # no mark in its answers: the leg that goes out proves it
    net_up; web_up; mkdir -p "$W/cache" "$W/logs"; chmod a+rwx "$W/cache" "$W/logs"
    spawn rly apt-cacher-ng ForeGround=1 Port=3142 CacheDir="$W/cache" LogDir="$W/logs" SocketPath="$W/acng.sock" PidFile="$W/acng.pid"; up rly 3142
    record; curl_ cli -x http://$RLY:3142 http://web.example.test/debian/pool/main/h/hello_1_all.deb; save
    has " 3142 $(hex 'GET http://web.example.test/')"; lacks "$(hex 'Via:')"
}

hit_privoxy() {
    net_up; web_up; privoxy_up; record; requests $RLY:8118; save
    has " 8118 $(hex 'GET http://web.example.test/')"; has "8118 [0-9]+ $(hex 'HTTP/1.1 200')"
}

hit_auth_407() { # refused for want of a password, then served on the same connection
    net_up; web_up
    printf 'alice:%s\n' "$(openssl passwd -apr1 wonder)" >"$W/passwd"
    squid_up rly $RLY:3128 "auth_param basic program /usr/lib/squid/basic_ncsa_auth $W/passwd" \
        'auth_param basic children 1' 'auth_param basic realm relay' 'acl known proxy_auth REQUIRED' \
        'http_access deny !known'
    record; curl_ cli --proxy-anyauth -U alice:wonder -x http://$RLY:3128 http://web.example.test/; save
    has "3128 [0-9]+ $(hex 'HTTP/1.1 407 ')"; has "3128 [0-9]+ $(hex 'HTTP/1.1 200 ')"
}

hit_upstream() { # tinyproxy hands on to squid: absolute-form on both legs; a POST too
    net_up; web_up; spawn web python3 "$TOOLS/servers.py" form 127.0.0.1 8000; up web 8000
    squid_up rl2 $RL2:3128; tinyproxy_up rly $RLY 8888 "Upstream http $RL2:3128"
    record
    curl_ cli -x http://$RLY:8888 http://web.example.test/
    curl_ cli -x http://$RLY:8888 -d name=value http://web.example.test/form
    save
    has " 8888 $(hex 'POST http://web.example.test/form')"; has " 3128 $(hex 'POST http://web.example.test')"
    has_text 'hello from'
}

hit_squid_refused() { # 403 by an ACL: a proxy all the same
    net_up; web_up; squid_up rly $RLY:3128
    record; curl_ cli -x http://$RLY:3128 http://banned.example.test/; save
    has " 3128 $(hex 'GET http://banned.example.test/')"; has "3128 [0-9]+ $(hex 'HTTP/1.1 403 ')"
}

scenarios "$@"

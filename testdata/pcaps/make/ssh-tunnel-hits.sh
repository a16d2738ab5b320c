#!/usr/bin/env bash
# Captures of SSH sessions that carry other connections and must be found.  Usage: [OUTPUT-DIR [SCENARIO...]]
. "$(dirname "$0")/ssh.sh"
DETECTOR=ssh-tunnel

openssh() { # CIPHER USE
    cipher "$1"; ssh_net_up
    SSH+=("${CIPHER[@]}")
    record; "openssh_$2"; save; has '22 [0-9]+ 5353482d'
}

openssh_local() { spawn cli "${SSH[@]}" -N -L 4443:$WEB:443 root@$RLY; up cli 4443; sleep 0.5; https_through cli; }
openssh_dynamic() {
    spawn cli "${SSH[@]}" -N -D 1080 root@$RLY; up cli 1080; sleep 0.5; names_through cli 1080
}
openssh_dynamic_on() { openssh_dynamic; names_through cli 1080; }
openssh_remote() { spawn rly "${SSH[@]}" -N -R 4443:$WEB:443 root@$OUT; up out 4443; sleep 0.5; https_through out; }
openssh_asked() { # -R, and nobody comes
    spawn rly "${SSH[@]}" -N -o ServerAliveInterval=1 -R 0.0.0.0:4443:$WEB:443 root@$OUT; up out 4443; sleep 4
}
openssh_jump() {
    on cli ssh -F "$W/ssh_config" -o ProxyCommand="ssh -F $W/ssh_config ${CIPHER[*]} -W %h:%p root@$RLY" "${CIPHER[@]}" root@$WEB \
        'for i in 1 2 3; do head -c ${i}00 /dev/urandom | base64; sleep 0.2; done' >/dev/null
}
openssh_jump_typed() { # a shell inside the forwarded channel
    on cli $TRAFFIC typed "id|uname -a|exit" ssh -F "$W/ssh_config" -tt -o ProxyCommand="ssh -F $W/ssh_config ${CIPHER[*]} -W %h:%p root@$RLY" root@$WEB 'bash --norc -i'
}
openssh_tun() {
    spawn cli "${SSH[@]}" -N -o Tunnel=point-to-point -w 7:7 root@$RLY; sleep 2
    local ns
    for ns in cli rly; do on $ns ip link set tun7 up; done
    on cli ip addr add 10.77.0.1 peer 10.77.0.2 dev tun7; on rly ip addr add 10.77.0.2 peer 10.77.0.1 dev tun7
    spawn rly $TRAFFIC raw_server 7008; up rly 7008
    on cli $TRAFFIC raw_client 10.77.0.2 7008 5
}
typing_beside() { # NS OPTION... : a shell in which somebody types, in the background
    local ns=$1; shift
    spawn "$ns" $TRAFFIC typed "id|uname -a|ls /etc|df|who|ps|uptime|ls|exit" "${SSH[@]}" -tt "$@" 'bash --norc -i'
}
openssh_shell_local() { typing_beside cli -L 4443:$WEB:443 root@$RLY; up cli 4443; sleep 2; https_through cli; sleep 1; https_through cli; sleep 3; }
openssh_shell_dynamic() { typing_beside cli -D 1080 root@$RLY; up cli 1080; sleep 2; names_through cli 1080; sleep 4; }
openssh_shell_remote() { typing_beside rly -R 4443:$WEB:443 root@$OUT; up out 4443; sleep 2; https_through out; sleep 3; }
hit_openssh_chacha20_local() { openssh chacha20 local; }
hit_openssh_chacha20_dynamic() { openssh chacha20 dynamic; }
hit_openssh_chacha20_remote() { openssh chacha20 remote; }
hit_openssh_chacha20_asked() { openssh chacha20 asked; }
hit_openssh_chacha20_jump() { openssh chacha20 jump; }
hit_openssh_chacha20_jump_typed() { openssh chacha20 jump_typed; }
hit_openssh_chacha20_tun() { openssh chacha20 tun; }
hit_openssh_chacha20_shell_local() { openssh chacha20 shell_local; }
hit_openssh_chacha20_shell_dynamic() { openssh chacha20 shell_dynamic; }
hit_openssh_chacha20_shell_remote() { openssh chacha20 shell_remote; }
hit_openssh_gcm_local() { openssh gcm local; }
hit_openssh_gcm_dynamic() { openssh gcm dynamic; }
hit_openssh_gcm_remote() { openssh gcm remote; }
hit_openssh_gcm_asked() { openssh gcm asked; }
hit_openssh_gcm_jump() { openssh gcm jump; }
hit_openssh_gcm_jump_typed() { openssh gcm jump_typed; }
hit_openssh_gcm_tun() { openssh gcm tun; }
hit_openssh_gcm_shell_local() { openssh gcm shell_local; }
hit_openssh_gcm_shell_dynamic() { openssh gcm shell_dynamic; }
hit_openssh_gcm_shell_remote() { openssh gcm shell_remote; }
hit_openssh_etm_local() { openssh etm local; }
hit_openssh_etm_dynamic() { openssh etm dynamic; }
hit_openssh_etm_remote() { openssh etm remote; }
hit_openssh_etm_asked() { openssh etm asked; }
hit_openssh_etm_jump() { openssh etm jump; }
hit_openssh_etm_jump_typed() { openssh etm jump_typed; }
hit_openssh_etm_tun() { openssh etm tun; }
hit_openssh_etm_shell_local() { openssh etm shell_local; }
hit_openssh_etm_shell_dynamic() { openssh etm shell_dynamic; }
hit_openssh_etm_shell_remote() { openssh etm shell_remote; }
hit_openssh_ctr_local() { openssh ctr local; }
hit_openssh_ctr_dynamic() { openssh ctr dynamic; }
hit_openssh_ctr_remote() { openssh ctr remote; }
hit_openssh_ctr_jump() { openssh ctr jump; }
hit_openssh_ctr_jump_typed() { openssh ctr jump_typed; }
hit_openssh_ctr_tun() { openssh ctr tun; }
hit_openssh_ctr_shell_local() { openssh ctr shell_local; }
hit_openssh_ctr_shell_dynamic() { openssh ctr shell_dynamic; }
hit_openssh_ctr_shell_remote() { openssh ctr shell_remote; }
hit_openssh_umac_local() { openssh umac local; }
hit_openssh_umac_dynamic() { openssh umac dynamic; }
hit_openssh_umac_remote() { openssh umac remote; }

hit_openssh_ssh_at_443() { # where the port is one of another service
    cipher chacha20; ssh_net_up
    spawn rly socat TCP-LISTEN:443,fork TCP:127.0.0.1:22; up rly 443
    record; spawn cli "${SSH[@]}" -N -p 443 -L 4443:$WEB:443 root@$RLY; up cli 4443; sleep 0.5; https_through cli; save
    has '443 [0-9]+ 5353482d'
}

hit_openssh_midstream() { # the beginning is cut off
    openssh chacha20 dynamic_on
    local first
    first=$(tshark -r "$PCAP" -Y 'tcp.port == 22 && tcp.len > 0' -T fields -e frame.number 2>/dev/null | sed -n 30p)
    editcap -F pcap "$PCAP" "$PCAP.mid" "1-$first"; mv "$PCAP.mid" "$PCAP"; lacks '22 [0-9]+ 5353482d'
}

hit_openssh_snap96() {
    openssh chacha20 dynamic
    editcap -F pcap -s 96 "$PCAP" "$PCAP.cut"; mv "$PCAP.cut" "$PCAP"
}

hit_openssh_client_alone() { # the other direction was not captured
    openssh chacha20 dynamic
    tshark -r "$PCAP" -Y '!(tcp.srcport == 22)' -F pcap -w "$PCAP.one" 2>/dev/null; mv "$PCAP.one" "$PCAP"
}

dropbear() { # OPTION... : its client, to OpenSSH's server
    ssh_net_up; dropbear_client
    record; "$@"; save; has "$(hex SSH-2.0-dropbear)"
}
db_ciphers() { case $1 in chacha20) echo -c chacha20-poly1305@openssh.com ;; ctr) echo -c aes256-ctr -m hmac-sha2-256 ;; esac; }
dropbear_local() { spawn cli "${DB[@]}" $(db_ciphers "$1") -N -L 4443:$WEB:443 root@$RLY; up cli 4443; sleep 0.5; https_through cli; }
dropbear_remote() { spawn rly "${DB[@]}" $(db_ciphers "$1") -N -R 4443:$WEB:443 root@$OUT; up out 4443; sleep 0.5; https_through out; }
dropbear_jump() { on cli timeout 20 "${DB[@]}" $(db_ciphers "$1") -B $WEB:80 root@$RLY < <(printf 'GET /300 HTTP/1.0\r\n\r\n'; sleep 1) >/dev/null || true; }
hit_dropbear_chacha20_local() { dropbear dropbear_local chacha20; }
hit_dropbear_chacha20_remote() { dropbear dropbear_remote chacha20; }
hit_dropbear_chacha20_jump() { dropbear dropbear_jump chacha20; }
hit_dropbear_ctr_local() { dropbear dropbear_local ctr; }
hit_dropbear_ctr_remote() { dropbear dropbear_remote ctr; }
hit_dropbear_ctr_jump() { dropbear dropbear_jump ctr; }

hit_dropbear_server_dynamic() { # OpenSSH's client, dropbear's server
    ssh_net_up; dropbear_up rly 2222
    record; spawn cli "${SSH[@]}" -N -p 2222 -D 1080 root@$RLY; up cli 1080; sleep 0.5; names_through cli 1080; save
    has "2222 [0-9]+ $(hex SSH-2.0-dropbear)"
}

asyncssh() { ssh_net_up; record; "asyncssh_$2" $(names_of "$1"); save; has "$(hex SSH-2.0-AsyncSSH)"; }
asyncssh_local() { spawn cli $PY asyncssh_local "$W/id" $RLY 4443 $WEB 443 "$@"; up cli 4443; sleep 0.5; https_through cli; }
asyncssh_dynamic() { spawn cli $PY asyncssh_socks "$W/id" $RLY 1080 "$@"; up cli 1080; sleep 0.5; names_through cli 1080; }
asyncssh_remote() { spawn rly $PY asyncssh_remote "$W/id" $OUT 4443 $WEB 443 "$@"; up out 4443; sleep 0.5; https_through out; }
hit_asyncssh_chacha20_local() { asyncssh chacha20 local; }
hit_asyncssh_chacha20_dynamic() { asyncssh chacha20 dynamic; }
hit_asyncssh_chacha20_remote() { asyncssh chacha20 remote; }
hit_asyncssh_gcm_local() { asyncssh gcm local; }
hit_asyncssh_gcm_dynamic() { asyncssh gcm dynamic; }
hit_asyncssh_gcm_remote() { asyncssh gcm remote; }
hit_asyncssh_etm_local() { asyncssh etm local; }
hit_asyncssh_etm_dynamic() { asyncssh etm dynamic; }
hit_asyncssh_etm_remote() { asyncssh etm remote; }
hit_asyncssh_ctr_local() { asyncssh ctr local; }
hit_asyncssh_ctr_dynamic() { asyncssh ctr dynamic; }

hit_asyncssh_swapped() { # rly opens the connection to out and is the SSH server in it
    ssh_net_up
    record
    spawn out $PY asyncssh_called "$W/id" 4422 "$W/hostkey"; up out 4422
    on rly timeout 20 $PY asyncssh_calls $OUT 4422 "$W/hostkey" "$W/id.pub"
    save; has '4422 [0-9]+ 5353482d'
}

hit_paramiko_local() {
    ssh_net_up; record
    spawn cli $PY paramiko_local "$W/id" $RLY 4443 $WEB 443; up cli 4443; sleep 0.5; https_through cli
    save; has "$(hex SSH-2.0-paramiko)"
}

libssh() { ssh_net_up; record; "libssh_$2" $(names_of "$1"); save; has "$(hex SSH-2.0-libssh_)"; }
libssh_local() { spawn cli $LIBSSH local "$W/id" $RLY 4443 $WEB 443 "$@"; up cli 4443; sleep 0.5; https_through cli; }
libssh_remote() { spawn rly $LIBSSH remote "$W/id" $OUT 4443 $WEB 443 "$@"; up out 4443; sleep 0.5; https_through out; }
hit_libssh_chacha20_local() { libssh chacha20 local; }
hit_libssh_chacha20_remote() { libssh chacha20 remote; }
hit_libssh_gcm_local() { libssh gcm local; }
hit_libssh_etm_local() { libssh etm local; }
hit_libssh_ctr_local() { libssh ctr local; }
hit_libssh_ctr_remote() { libssh ctr remote; }
hit_libssh_server_dynamic() { # OpenSSH's client to its server
    ssh_net_up; spawn rly $LIBSSH serve 2222 "$W/hostkey"; up rly 2222
    record; spawn cli "${SSH[@]}" -N -p 2222 -D 1080 root@$RLY; up cli 1080; sleep 0.5; names_through cli 1080; save
    has "2222 [0-9]+ $(hex SSH-2.0-libssh_)"
}

libssh2() {
    ssh_net_up; record; spawn cli $LIBSSH local2 "$W/id" $RLY 4443 $WEB 443 $(names_of "$1")
    up cli 4443; sleep 0.5; https_through cli; save; has "$(hex SSH-2.0-libssh2)"
}
hit_libssh2_chacha20_local() { libssh2 chacha20; }
hit_libssh2_gcm_local() { libssh2 gcm; }
hit_libssh2_ctr_local() { libssh2 ctr; }

putty() { ssh_net_up; putty_client; record; "$@"; save; has "$(hex SSH-2.0-PuTTY)"; }
putty_local() { spawn cli "${PUTTY[@]}" -N -L 4443:$WEB:443 root@$RLY; up cli 4443; sleep 0.5; https_through cli; }
putty_dynamic() { spawn cli "${PUTTY[@]}" -N -D 1080 root@$RLY; up cli 1080; sleep 0.5; names_through cli 1080; }
putty_remote() { spawn rly "${PUTTY[@]}" -N -R 4443:$WEB:443 root@$OUT; up out 4443; sleep 0.5; https_through out; }
hit_putty_local() { putty putty_local; }
hit_putty_dynamic() { putty putty_dynamic; }
hit_putty_remote() { putty putty_remote; }

scenarios "$@"

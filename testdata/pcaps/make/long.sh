# Shared by the scripts about sessions that last and rhythms: what takes seconds is recorded, and its silences stretched.
. "$(dirname "${BASH_SOURCE[0]}")/hops.sh"

stretch() { # FACTOR [LEAST-SECONDS] : every silence of $PCAP becomes so many times as long; nothing else is changed
    python3 "$TOOLS/stretch.py" "$PCAP" "$W/long.pcap" "$@"; mv "$W/long.pcap" "$PCAP"
}
typed() { # PAUSE LINE... : each line after a pause, and a pause at the end
    local pause=$1 line; shift
    for line in "$@"; do sleep "$pause"; printf '%s\n' "$line"; done
    sleep "$pause"
}
lasts() { # LEAST-SECONDS : the capture must
    local span; span=$(tshark -r "$PCAP" -T fields -e frame.time_relative 2>/dev/null | tail -1)
    [ "${span%.*}" -ge "$1" ] || die "$PCAP lasts $span s only"
}

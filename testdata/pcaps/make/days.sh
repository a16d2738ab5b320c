# Shared by the scripts about hosts that change: two recordings, and time between them.
. "$(dirname "${BASH_SOURCE[0]}")/hops.sh"
DAY=90000 # seconds: a day and an hour, so that a day of watching is over

pages() { # ADDRESS : cli looks at pages there
    curl_ cli --connect-to "web.example.test:80:$1:80" 'http://web.example.test/{300,3000}'
    curl_ cli --connect-to "web.example.test:443:$1:443" https://web.example.test/1500
}

# What was saved is moved so many seconds back; nothing else is changed in it.
earlier() { editcap -F pcap -t "-$1" "$PCAP" "$W/earlier.pcap"; rm "$W"/cap.*.pcap; }
both() { mv "$PCAP" "$W/later.pcap"; mergecap -F pcap -w "$PCAP" "$W/earlier.pcap" "$W/later.pcap"; }

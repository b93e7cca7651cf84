"""Who reads packets: a capture in pcap or pcapng to packets, flows and streams. It judges nothing."""

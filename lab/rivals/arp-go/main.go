// The loop of an ARP responder over the library that MetalLB uses, with its checks and nothing else
// of it.
//
//	responder INTERFACE FIRST COUNT
package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
)

func main() {
	link, err := net.InterfaceByName(os.Args[1])
	if err != nil {
		panic(err)
	}
	address := netip.MustParseAddr(os.Args[2])
	count, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	ours := make(map[netip.Addr]bool)
	for ; count > 0; count-- {
		ours[address] = true
		address = address.Next()
	}
	client, err := arp.Dial(link)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	for {
		packet, frame, err := client.Read()
		if err != nil {
			panic(err)
		}
		forUs := bytes.Equal(frame.Destination, ethernet.Broadcast) ||
			bytes.Equal(frame.Destination, link.HardwareAddr)
		if packet.Operation != arp.OperationRequest || !forUs || !ours[packet.TargetIP] {
			continue
		}
		if err := client.Reply(packet, link.HardwareAddr, packet.TargetIP); err != nil {
			continue
		}
	}
}

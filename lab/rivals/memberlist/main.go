// Command memberlist-owner is a rival of the failover race: HashiCorp's memberlist, set up as MetalLB
// 0.16.2 sets it up (its defaults for a LAN, encryption on, a new attempt to join each minute), with the
// least that an owner of addresses needs beside it: placement by SHA-256 of `node#address`, answers to
// ARP requests, and gratuitous ARP on becoming owner (a request and a reply at once, then each 1.1 s for
// 5 s).
//
// It is no part of vipcast, and serves nothing but the comparison.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// Where MetalLB's speakers meet.
const port = 7946

const rejoinEvery = time.Minute

type options struct {
	node, ifname string
	bind         string
	peers        []string
	addresses    []netip.Addr
}

func main() {
	log.SetFlags(0)
	options, err := parse()
	if err == nil {
		err = run(options)
	}
	if err != nil {
		log.Fatalf("error: %v", err)
	}
}

func parse() (options, error) {
	var o options
	flag.StringVar(&o.node, "node", "", "this node's `name`")
	flag.StringVar(&o.ifname, "interface", "eth0", "the `interface` that announces")
	flag.StringVar(&o.bind, "bind", "", "this node's `address`")
	peers := flag.String("peers", "", "the `addresses` of the others, with commas between them")
	addresses := flag.String("addresses", "", "the `addresses` to own, with commas between them")
	flag.Parse()
	o.peers = strings.Split(*peers, ",")
	for _, text := range strings.Split(*addresses, ",") {
		address, err := netip.ParseAddr(text)
		if err != nil || !address.Is4() {
			return o, fmt.Errorf("-addresses: %q is no IPv4 address", text)
		}
		o.addresses = append(o.addresses, address)
	}
	if o.node == "" || o.bind == "" {
		return o, fmt.Errorf("-node and -bind are needed")
	}
	return o, nil
}

func run(o options) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)

	announcer, err := newAnnouncer(o.ifname)
	if err != nil {
		return err
	}
	go announcer.answer()

	events := make(chan memberlist.NodeEvent, 1024)
	config := memberlist.DefaultLANConfig()
	config.Name = o.node
	config.BindAddr = o.bind
	config.BindPort = port
	config.AdvertisePort = port
	config.SecretKey = secret()
	config.Events = &memberlist.ChannelEventDelegate{Ch: events}
	config.LogOutput = io.Discard
	members, err := memberlist.Create(config)
	if err != nil {
		return err
	}
	if err := joinAll(members, o.peers, stop); err != nil {
		return err
	}
	// Nodes that start one after another have their ticks at any time of the minute.
	rejoin := time.NewTimer(rand.N(rejoinEvery))
	place(announcer, members, o)
	for {
		select {
		case <-events:
			place(announcer, members, o)
		case <-rejoin.C:
			go join(members, o.peers)
			rejoin.Reset(rejoinEvery)
		case <-stop:
			// It goes on answering until the others know.
			if err := members.Leave(time.Second); err != nil {
				log.Printf("leave: %v", err)
			}
			return members.Shutdown()
		}
	}
}

// The harness has no secret to share; what counts is that encryption is on, as it is in MetalLB.
func secret() []byte {
	key := sha256.Sum256([]byte("failover race"))
	return key[:]
}

// joinAll comes back when all peers are members: the race begins with a whole cluster.
func joinAll(members *memberlist.Memberlist, peers []string, stop <-chan os.Signal) error {
	for {
		join(members, peers)
		if members.NumMembers() > len(peers) {
			return nil
		}
		select {
		case <-stop:
			return fmt.Errorf("stopped before all peers had joined")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// join meets those peers that are no members.
func join(members *memberlist.Memberlist, peers []string) {
	known := map[string]bool{}
	for _, member := range members.Members() {
		known[member.Addr.String()] = true
	}
	var missing []string
	for _, peer := range peers {
		if !known[peer] {
			missing = append(missing, net.JoinHostPort(peer, fmt.Sprint(port)))
		}
	}
	if len(missing) > 0 {
		// Whoever does not answer is tried again.
		_, _ = members.Join(missing)
	}
}

// place gives each address to the member that comes first by the hash.
func place(announcer *announcer, members *memberlist.Memberlist, o options) {
	var names []string
	for _, member := range members.Members() {
		names = append(names, member.Name)
	}
	fmt.Printf("members %d\n", len(names))
	for _, address := range o.addresses {
		announcer.hold(address, owner(names, address) == o.node)
	}
}

// owner is the node whose hash with the address is least.
func owner(nodes []string, address netip.Addr) string {
	var first string
	var least [sha256.Size]byte
	for _, node := range nodes {
		hash := sha256.Sum256([]byte(node + "#" + address.String()))
		if first == "" || string(hash[:]) < string(least[:]) {
			first, least = node, hash
		}
	}
	return first
}

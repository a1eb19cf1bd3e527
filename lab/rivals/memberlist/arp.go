package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

const (
	request = 1
	reply   = 2

	announceEvery = 1100 * time.Millisecond
	announceFor   = 5 * time.Second
)

var (
	broadcast = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	// Ethernet and IPv4, with addresses of 6 and 4 bytes.
	arpHead = []byte{0, 1, 8, 0, 6, 4}
)

// An announcer answers and announces for the addresses that it holds, by one interface.
type announcer struct {
	socket int
	to     syscall.SockaddrLinklayer
	mac    []byte

	mutex sync.Mutex
	// A number for each time of holding an address; what is not held is not there.
	held  map[netip.Addr]int
	times int
}

func newAnnouncer(ifname string) (*announcer, error) {
	link, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ifname, err)
	}
	arp := binary.BigEndian.Uint16([]byte{0x08, 0x06})
	network := arp<<8 | arp>>8
	socket, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, int(network))
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	to := syscall.SockaddrLinklayer{Protocol: network, Ifindex: link.Index}
	if err := syscall.Bind(socket, &to); err != nil {
		return nil, fmt.Errorf("bind to %s: %w", ifname, err)
	}
	held := map[netip.Addr]int{}
	return &announcer{socket: socket, to: to, mac: link.HardwareAddr, held: held}, nil
}

// hold begins or ends to hold an address.
func (a *announcer) hold(address netip.Addr, hold bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	_, held := a.held[address]
	switch {
	case hold && !held:
		a.times++
		a.held[address] = a.times
		go a.announce(address, a.times)
		fmt.Printf("holds %s\n", address)
	case held && !hold:
		delete(a.held, address)
		fmt.Printf("lost %s\n", address)
	}
}

// announce tells everybody, again and again, as long as this time of holding lasts.
func (a *announcer) announce(address netip.Addr, tenure int) {
	for end := time.Now().Add(announceFor); time.Now().Before(end); time.Sleep(announceEvery) {
		a.mutex.Lock()
		held := a.held[address] == tenure
		a.mutex.Unlock()
		if !held {
			return
		}
		for _, op := range []byte{request, reply} {
			a.send(op, address, broadcast, broadcast, address)
		}
	}
}

// answer serves requests for ever.
func (a *announcer) answer() {
	frame := make([]byte, 2048)
	for {
		n, _, err := syscall.Recvfrom(a.socket, frame, 0)
		if err == nil && n >= 42 {
			a.receive(frame[:n])
		}
	}
}

func (a *announcer) receive(frame []byte) {
	destination, arp := frame[:6], frame[14:]
	if !bytes.Equal(destination, broadcast) && !bytes.Equal(destination, a.mac) {
		return
	}
	if !bytes.Equal(arp[:6], arpHead) || arp[7] != request {
		return
	}
	asker, target := netip.AddrFrom4([4]byte(arp[14:18])), netip.AddrFrom4([4]byte(arp[24:28]))
	a.mutex.Lock()
	_, held := a.held[target]
	a.mutex.Unlock()
	if held {
		mac := arp[8:14]
		a.send(reply, target, mac, mac, asker)
	}
}

// send says that the address `sender` is here.
func (a *announcer) send(op byte, sender netip.Addr, destination, targetMAC []byte, target netip.Addr) {
	frame := make([]byte, 0, 42)
	frame = append(frame, destination...)
	frame = append(frame, a.mac...)
	frame = append(frame, 0x08, 0x06)
	frame = append(frame, arpHead...)
	frame = append(frame, 0, op)
	frame = append(frame, a.mac...)
	frame = append(frame, sender.AsSlice()...)
	frame = append(frame, targetMAC...)
	frame = append(frame, target.AsSlice()...)
	to := a.to
	// A frame that cannot leave is lost, as any other may be.
	_ = syscall.Sendto(a.socket, frame, 0, &to)
}

use ipnet::IpNet;
use socket2::SockFilter;

/// Which neighbour protocol a [`PacketSocket`](super::PacketSocket) speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameKind {
    /// ARP requests and replies for IPv4 over Ethernet (ethertype 0x0806).
    Arp,
    /// IPv6 neighbour solicitations and advertisements (ethertype 0x86dd, ICMPv6 135 and 136).
    Nd,
}

impl FrameKind {
    /// The ethertype in host order.
    #[must_use]
    pub const fn ethertype(self) -> u16 {
        match self {
            Self::Arp => 0x0806,
            Self::Nd => 0x86dd,
        }
    }
}

/// The most instructions that we give to the kernel. It takes 4,096, but their memory counts against
/// `net.core.optmem_max`, which was 20 KiB for long.
const MAX_INSTRUCTIONS: usize = 1_024;

/// The filter of a socket: classic BPF over the frame from its Ethernet header on. A load past the
/// end of the frame drops it, so short frames need no check of their own.
///
/// With `targets`, only frames that concern one of these prefixes pass: as target, as sender or, for
/// ND, as destination. Prefixes side by side become one; more than a program can hold are widened
/// until they fit. The filter saves wake-ups, the validator behind it decides.
pub(super) fn program(kind: FrameKind, targets: Option<&[IpNet]>) -> Vec<SockFilter> {
    let instructions = instructions(kind, targets);
    instructions.iter().map(|i| SockFilter::new(i.code, i.jt, i.jf, i.k)).collect()
}

fn instructions(kind: FrameKind, targets: Option<&[IpNet]>) -> Vec<Instruction> {
    let mut program = Program::default();
    match kind {
        FrameKind::Arp => program.arp(),
        FrameKind::Nd => program.nd(),
    }
    let Some(targets) = targets else {
        program.accept();
        return program.0;
    };
    let own = targets.iter().filter(|net| (kind == FrameKind::Arp) == net.addr().is_ipv4());
    let mut nets = IpNet::aggregate(&own.copied().collect());
    let common = program.0.len();
    loop {
        nets.iter().for_each(|net| program.concern(net));
        program.drop();
        if program.0.len() <= MAX_INSTRUCTIONS {
            return program.0;
        }
        program.0.truncate(common);
        nets = widened(&nets);
    }
}

/// The filter of a [`HandshakeSocket`](super::HandshakeSocket).
pub(super) fn handshake(ipv4: bool, port: u16) -> Vec<SockFilter> {
    let mut program = Program::default();
    program.handshake(ipv4, port);
    program.0.iter().map(|i| SockFilter::new(i.code, i.jt, i.jf, i.k)).collect()
}

/// The same with the longest prefixes a bit shorter.
fn widened(nets: &[IpNet]) -> Vec<IpNet> {
    let longest = nets.iter().map(IpNet::prefix_len).max().unwrap_or(0);
    let shorter = nets.iter().map(|net| match net.supernet() {
        Some(shorter) if net.prefix_len() == longest => shorter,
        _ => *net,
    });
    IpNet::aggregate(&shorter.collect())
}

// Offsets from the start of the Ethernet header.
const ETHERTYPE: u32 = 12;
const ARP_PROTOCOL: u32 = 16;
const ARP_LENGTHS: u32 = 18;
const ARP_OPERATION: u32 = 20;
const ARP_SENDER: u32 = 28;
const ARP_TARGET: u32 = 38;
const IPV4_VERSION_LENGTH: u32 = 14;
const IPV4_FRAGMENT: u32 = 20;
const IPV4_PROTOCOL: u32 = 23;
/// Where the payload begins, without options or extension headers.
const IPV4_PAYLOAD: u32 = 34;
const IPV6_PAYLOAD: u32 = 54;
const TCP_DESTINATION: u32 = 2;
const TCP_FLAGS: u32 = 13;
const IPV6_NEXT_HEADER: u32 = 20;
const IPV6_HOP_LIMIT: u32 = 21;
const IPV6_SOURCE: u32 = 22;
const IPV6_DESTINATION: u32 = 38;
const ICMPV6_TYPE: u32 = 54;
const ND_TARGET: u32 = 62;

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const LOAD_HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

// What the kernel knows beside the frame; a tag is stripped before we see the frame.
const PACKET_TYPE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PKTTYPE) as u32;
const VLAN_TAG: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_VLAN_TAG) as u32;
const VLAN_TAG_PRESENT: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_VLAN_TAG_PRESENT) as u32;

/// One instruction: jumps are relative to the next one.
#[derive(Debug, Clone, Copy)]
struct Instruction {
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
}

#[derive(Default)]
struct Program(Vec<Instruction>);

impl Program {
    /// RFC 826 over Ethernet for IPv4; the hardware type is left to the validator. Replies pass too:
    /// they are acknowledgements and conflicts.
    fn arp(&mut self) {
        self.require(LOAD_HALF, ETHERTYPE, &[FrameKind::Arp.ethertype().into()]);
        self.require(LOAD_HALF, ARP_LENGTHS, &[0x0604]);
        self.require(LOAD_HALF, ARP_PROTOCOL, &[0x0800]);
        self.require(LOAD_HALF, ARP_OPERATION, &[1, 2]);
        self.load(LOAD_WORD, ARP_TARGET);
        self.refuse_others();
    }

    /// RFC 4861 7.1: hop limit 255. ND behind extension headers is ignored.
    fn nd(&mut self) {
        self.require(LOAD_HALF, ETHERTYPE, &[FrameKind::Nd.ethertype().into()]);
        self.require(LOAD_BYTE, IPV6_NEXT_HEADER, &[58]);
        self.require(LOAD_BYTE, ICMPV6_TYPE, &[135, 136]);
        self.require(LOAD_BYTE, IPV6_HOP_LIMIT, &[255]);
        self.load(LOAD_WORD, ND_TARGET + 12);
        self.refuse_others();
    }

    /// A TCP segment with SYN and ACK, and neither RST nor FIN, to a port.
    fn handshake(&mut self, ipv4: bool, port: u16) {
        const TCP: u32 = 6;
        let payload = if ipv4 {
            self.require(LOAD_HALF, ETHERTYPE, &[0x0800]);
            self.require(LOAD_BYTE, IPV4_VERSION_LENGTH, &[0x45]);
            self.require(LOAD_BYTE, IPV4_PROTOCOL, &[TCP]);
            // More fragments, or not the first.
            self.require_masked(LOAD_HALF, IPV4_FRAGMENT, 0x3fff, 0);
            IPV4_PAYLOAD
        } else {
            self.require(LOAD_HALF, ETHERTYPE, &[FrameKind::Nd.ethertype().into()]);
            self.require(LOAD_BYTE, IPV6_NEXT_HEADER, &[TCP]);
            IPV6_PAYLOAD
        };
        self.require(LOAD_HALF, payload + TCP_DESTINATION, &[port.into()]);
        self.require_masked(LOAD_BYTE, payload + TCP_FLAGS, 0b1_0111, 0b1_0010);
        self.refuse_others();
        self.accept();
    }

    /// Drops the frame unless these bits are as given.
    fn require_masked(&mut self, load: u16, offset: u32, mask: u32, value: u32) {
        self.load(load, offset);
        self.push(AND, mask);
        self.jump_equal(value, 1, 0);
        self.drop();
    }

    /// Drops frames that are not for this link: those to another MAC, and those of a VLAN that has no
    /// link of its own here, for an answer would leave untagged, into another VLAN. VID 0 is a mere
    /// priority tag.
    ///
    /// Linux gives frames of an unknown VLAN to the sockets of the untagged link, as frames to another
    /// host. It takes the tag away first; should one be left, it is looked at too.
    fn refuse_others(&mut self) {
        self.load(LOAD_WORD, PACKET_TYPE);
        self.jump_equal(libc::PACKET_OTHERHOST.into(), 0, 1);
        self.drop();
        self.load(LOAD_WORD, VLAN_TAG_PRESENT);
        self.jump_equal(0, 4, 0);
        self.load(LOAD_WORD, VLAN_TAG);
        self.push(AND, 0x0fff);
        self.jump_equal(0, 1, 0);
        self.drop();
    }

    /// Drops the frame unless the loaded value is one of `values` (at most 200).
    fn require(&mut self, load: u16, offset: u32, values: &[u32]) {
        self.load(load, offset);
        for (value, to_go) in values.iter().zip((1..=values.len()).rev()) {
            self.jump_equal(*value, to_go as u8, 0);
        }
        self.drop();
    }

    /// Accepts the frame if it has an address of this network where it matters.
    fn concern(&mut self, net: &IpNet) {
        match net {
            IpNet::V4(net) => {
                let (address, mask) = (net.network().to_bits(), net.netmask().to_bits());
                for offset in [ARP_TARGET, ARP_SENDER] {
                    self.accept_prefix(offset, &[(address, mask)]);
                }
            }
            IpNet::V6(net) => {
                let words = words(net.network().to_bits()).into_iter();
                let masked: Vec<_> = words.zip(self::words(net.netmask().to_bits())).collect();
                for offset in [ND_TARGET, IPV6_DESTINATION, IPV6_SOURCE] {
                    self.accept_prefix(offset, &masked);
                }
            }
        }
    }

    /// Accepts the frame if the address at `offset`, masked, is the given one.
    fn accept_prefix(&mut self, offset: u32, words: &[(u32, u32)]) {
        // A word whose mask is zero says nothing. (word's offset, value, mask)
        let checks: Vec<_> = (offset..)
            .step_by(4)
            .zip(words)
            .filter(|(_, (_, mask))| *mask != 0)
            .map(|(offset, (value, mask))| (offset, *value, *mask))
            .collect();
        let cost = |mask: u32| if mask == u32::MAX { 2 } else { 3 };
        let mut to_go: usize = checks.iter().map(|(_, _, mask)| cost(*mask)).sum();
        for (offset, value, mask) in checks {
            self.load(LOAD_WORD, offset);
            if mask != u32::MAX {
                self.push(AND, mask);
            }
            to_go -= cost(mask);
            // On a mismatch: over what is left of this block and its accept. At most 12 + 1.
            self.jump_equal(value, 0, to_go as u8 + 1);
        }
        self.accept();
    }

    fn load(&mut self, code: u16, offset: u32) {
        self.push(code, offset);
    }

    fn jump_equal(&mut self, k: u32, jt: u8, jf: u8) {
        self.0.push(Instruction { code: JUMP_EQUAL, jt, jf, k });
    }

    fn accept(&mut self) {
        self.push(RETURN, u32::MAX);
    }

    fn drop(&mut self) {
        self.push(RETURN, 0);
    }

    fn push(&mut self, code: u16, k: u32) {
        self.0.push(Instruction { code, jt: 0, jf: 0, k });
    }
}

/// The four 32-bit words of an IPv6 address, first one first.
fn words(bits: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
}

#[cfg(test)]
mod tests;

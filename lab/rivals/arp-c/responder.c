/* The least that answers ARP: a blocking recv and a send for each question, with the filter and the
 * socket options that vipcast uses. What a responder in user space can cost at the least.
 *
 *   responder INTERFACE FIRST COUNT
 *
 * It answers for COUNT addresses from FIRST on. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOAD(size, at) { BPF_LD | size | BPF_ABS, 0, 0, at }
#define EQUAL(value, yes, no) { BPF_JMP | BPF_JEQ | BPF_K, yes, no, value }
#define END(value) { BPF_RET | BPF_K, 0, 0, value }

static struct sock_filter program[1024];
static unsigned length;

static void add(const struct sock_filter *more, unsigned count) {
    memcpy(program + length, more, count * sizeof *more);
    length += count;
}

/* Frames that have an address of this network at an offset pass. */
static void concern(uint32_t offset, uint32_t address, unsigned prefix) {
    uint32_t mask = prefix ? ~(uint32_t)0 << (32 - prefix) : 0;
    struct sock_filter block[] = {
        LOAD(BPF_W, offset), { BPF_ALU | BPF_AND | BPF_K, 0, 0, mask }, EQUAL(address, 0, 1),
        END(UINT32_MAX),
    };
    add(block, 4);
}

static void filter(int fd, uint32_t first, uint32_t count) {
    struct sock_filter common[] = {
        LOAD(BPF_H, 12), EQUAL(0x0806, 1, 0), END(0),
        LOAD(BPF_H, 18), EQUAL(0x0604, 1, 0), END(0),
        LOAD(BPF_H, 16), EQUAL(0x0800, 1, 0), END(0),
        LOAD(BPF_H, 20), EQUAL(1, 2, 0), EQUAL(2, 1, 0), END(0),
        LOAD(BPF_W, 38),
        LOAD(BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)), EQUAL(PACKET_OTHERHOST, 0, 1), END(0),
        LOAD(BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)), EQUAL(0, 4, 0),
        LOAD(BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG)),
        { BPF_ALU | BPF_AND | BPF_K, 0, 0, 0x0fff }, EQUAL(0, 1, 0), END(0),
    };
    add(common, sizeof common / sizeof *common);
    while (count) {
        unsigned bits = 0;
        while (bits < 32 && !(first >> bits & 1) && (2u << bits) <= count)
            bits++;
        concern(38, first, 32 - bits);
        concern(28, first, 32 - bits);
        first += 1u << bits;
        count -= 1u << bits;
    }
    struct sock_filter none = END(0);
    add(&none, 1);
    struct sock_fprog attached = { (unsigned short)length, program };
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached))
        perror("filter"), exit(1);
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    uint32_t first = ntohl(inet_addr(argv[2])), count = (uint32_t)atoi(argv[3]);
    int fd = socket(AF_PACKET, SOCK_RAW, 0), buffer = 256 * 1024, one = 1;
    filter(fd, first, count);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one);
    struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP),
                                .sll_ifindex = (int)if_nametoindex(argv[1]) };
    struct ifreq request = { 0 };
    strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
    if (bind(fd, (struct sockaddr *)&link, sizeof link) || ioctl(fd, SIOCGIFHWADDR, &request))
        return perror(argv[1]), 1;
    uint8_t own[6], frame[128];
    memcpy(own, request.ifr_hwaddr.sa_data, 6);
    puts("ready"), fflush(stdout);
    for (;;) {
        ssize_t size = recv(fd, frame, sizeof frame, 0);
        uint32_t target;
        if (size < 42 || frame[20] != 0 || frame[21] != 1)
            continue;
        memcpy(&target, frame + 38, 4);
        if (ntohl(target) - first >= count)
            continue;
        memcpy(frame, frame + 6, 6);       /* to the frame's source */
        memcpy(frame + 6, own, 6);
        frame[21] = 2;
        memcpy(frame + 32, frame + 22, 10); /* the asker becomes the target */
        memcpy(frame + 22, own, 6);
        memcpy(frame + 28, &target, 4);
        send(fd, frame, 42, MSG_DONTWAIT);
    }
}

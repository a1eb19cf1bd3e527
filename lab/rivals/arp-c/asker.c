/* Asks by ARP, and measures the answers.
 *
 *   asker INTERFACE FIRST COUNT lone QUESTIONS          one after the other: latencies
 *   asker INTERFACE FIRST COUNT backlog FRAMES PID      all wait in the queue of a stopped process
 *   asker INTERFACE FIRST COUNT flood RATE SECONDS      so many a second
 *
 * The addresses that are asked for take turns, COUNT of them from FIRST on; so do 512 askers. It
 * prints `name value` lines. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { ASKERS = 512, BURST = 64 };

static uint32_t first, count;
static int out, in;
static uint64_t asked;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void rest(uint64_t nanoseconds) {
    struct timespec time = { (time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000) };
    nanosleep(&time, NULL);
}

/* The next question: another asker, and another address. */
static void question(uint8_t frame[42]) {
    static const uint8_t fixed[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };
    uint16_t asker = htons((uint16_t)(asked % ASKERS));
    uint8_t mac[6] = { 2, 0, 0, 0xdd, 0, 0 }, from[4] = { 172, 18, 0, 0 };
    uint32_t target = htonl(first + (uint32_t)(asked % count));
    memcpy(mac + 4, &asker, 2);
    memcpy(from + 2, &asker, 2);
    from[2] += 200;
    memset(frame, 0xff, 6);
    memcpy(frame + 6, mac, 6);
    memcpy(frame + 12, fixed, sizeof fixed);
    memcpy(frame + 22, mac, 6);
    memcpy(frame + 28, from, 4);
    memset(frame + 32, 0, 6);
    memcpy(frame + 38, &target, 4);
    asked++;
}

static void ask(unsigned burst) {
    static uint8_t frames[BURST][42];
    static struct iovec vectors[BURST];
    static struct mmsghdr messages[BURST];
    for (unsigned at = 0; at < burst; at++) {
        question(frames[at]);
        vectors[at] = (struct iovec){ frames[at], 42 };
        messages[at].msg_hdr = (struct msghdr){ .msg_iov = &vectors[at], .msg_iovlen = 1 };
    }
    for (unsigned done = 0; done < burst;) {
        int sent = sendmmsg(out, messages + done, burst - done, 0);
        if (sent > 0)
            done += (unsigned)sent;
        else if (errno != ENOBUFS && errno != EAGAIN)
            perror("send"), exit(1);
    }
}

/* The next answer, and when the kernel had it. */
static int answer(int wait, uint64_t *at) {
    uint8_t frame[64];
    char control[64];
    struct iovec vector = { frame, sizeof frame };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control,
                              .msg_controllen = sizeof control };
    struct pollfd ready = { in, POLLIN, 0 };
    if (wait && poll(&ready, 1, wait) <= 0)
        return 0;
    if (recvmsg(in, &message, MSG_DONTWAIT) < 42)
        return 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (at && header && header->cmsg_type == SO_TIMESTAMPNS) {
        struct timespec time;
        memcpy(&time, CMSG_DATA(header), sizeof time);
        *at = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    }
    return 1;
}

static void open_sockets(const char *interface) {
    /* Replies that are not gratuitous. */
    struct sock_filter program[] = {
        { BPF_LD | BPF_H | BPF_ABS, 0, 0, 20 }, { BPF_JMP | BPF_JEQ | BPF_K, 0, 5, 2 },
        { BPF_LD | BPF_W | BPF_ABS, 0, 0, 28 }, { BPF_MISC | BPF_TAX, 0, 0, 0 },
        { BPF_LD | BPF_W | BPF_ABS, 0, 0, 38 }, { BPF_JMP | BPF_JEQ | BPF_X, 1, 0, 0 },
        { BPF_RET | BPF_K, 0, 0, UINT32_MAX }, { BPF_RET | BPF_K, 0, 0, 0 },
    };
    struct sock_fprog attached = { sizeof program / sizeof *program, program };
    struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface) };
    int buffer = 64 << 20, one = 1;
    out = socket(AF_PACKET, SOCK_RAW, 0);
    in = socket(AF_PACKET, SOCK_RAW, 0);
    setsockopt(in, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached);
    if (setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer))
        setsockopt(in, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(in, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    if (bind(out, (struct sockaddr *)&link, sizeof link))
        perror(interface), exit(1);
    link.sll_protocol = htons(ETH_P_ARP);
    if (bind(in, (struct sockaddr *)&link, sizeof link))
        perror(interface), exit(1);
}

/* How many answers found the queue full. */
static void print_lost(void) {
    struct tpacket_stats lost = { 0 };
    socklen_t size = sizeof lost;
    getsockopt(in, SOL_PACKET, PACKET_STATISTICS, &lost, &size);
    printf("lost %u\n", lost.tp_drops);
}

static int by_size(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void lone(unsigned questions) {
    uint64_t *took = calloc(questions, sizeof *took);
    unsigned answered = 0;
    for (unsigned round = 0; round < questions; round++) {
        rest(200000);
        uint64_t start = now();
        ask(1);
        if (answer(1000, NULL))
            took[answered++] = now() - start;
    }
    qsort(took, answered, sizeof *took, by_size);
    printf("answered %u\n", answered);
    if (answered)
        printf("p50_ns %lu\np99_ns %lu\n", (unsigned long)took[answered / 2],
               (unsigned long)took[answered * 99 / 100]);
}

static void backlog(unsigned frames, pid_t pid) {
    uint64_t begin = 0, end = 0, answered = 0;
    kill(pid, SIGSTOP);
    rest(20000000);
    for (unsigned done = 0; done < frames; done += BURST)
        ask(BURST);
    rest(5000000);
    kill(pid, SIGCONT);
    /* Asleep while it works: the answers wait, and the kernel has stamped them. */
    rest(50000000);
    while (answer(20, answered ? &end : &begin))
        answered++;
    printf("answered %lu\n", (unsigned long)answered);
    if (answered > 1)
        printf("rate %.0f\n", (double)(answered - 1) * 1e9 / (double)(end - begin));
}

static void flood(uint64_t rate, unsigned seconds) {
    uint64_t start = now(), end = start + (uint64_t)seconds * 1000000000, answered = 0;
    for (uint64_t time; (time = now()) < end;) {
        uint64_t due = (time - start) * rate / 1000000000;
        if (due < asked + BURST) {
            rest(200000);
            continue;
        }
        ask(BURST);
        while (answer(0, NULL))
            answered++;
    }
    while (answer(50, NULL))
        answered++;
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    printf("asked %lu\nanswered %lu\ncpu_ns %ld%09ld\n", (unsigned long)asked,
           (unsigned long)answered, (long)spent.tv_sec, spent.tv_nsec);
}

int main(int argc, char **argv) {
    if (argc < 6)
        return 2;
    first = ntohl(inet_addr(argv[2]));
    count = (uint32_t)atoi(argv[3]);
    open_sockets(argv[1]);
    if (!strcmp(argv[4], "lone"))
        lone((unsigned)atoi(argv[5]));
    else if (!strcmp(argv[4], "backlog") && argc == 7)
        backlog((unsigned)atoi(argv[5]), atoi(argv[6]));
    else if (!strcmp(argv[4], "flood") && argc == 7)
        flood((uint64_t)atoll(argv[5]), (unsigned)atoi(argv[6]));
    else
        return 2;
    print_lost();
    return 0;
}

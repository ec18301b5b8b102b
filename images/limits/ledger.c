/* ledger: keeps accounts. A small web server, as an example of a program that was built for another Linux. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

static void end(int number) { _exit(number == SIGTERM || number == SIGINT ? 0 : 1); }

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7001)};
    struct utsname kernel;
    char boot[40] = "", body[400], answer[600], request[2000];
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");

    signal(SIGTERM, end);
    signal(SIGINT, end);
    signal(SIGPIPE, SIG_IGN);
    uname(&kernel);
    if (file && fscanf(file, "%39s", boot) != 1) boot[0] = 0;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64)) {
        perror("ledger: port 7001");
        return 1;
    }
    snprintf(body, sizeof body,
             "{\"program\": \"ledger\", \"kernel\": \"%s\", \"boot\": \"%s\", \"library\": \"musl\"}\n", kernel.release,
             boot);
    snprintf(answer, sizeof answer,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             strlen(body), body);
    fprintf(stderr, "ledger: serving on port 7001, on kernel %s\n", kernel.release);
    for (;;) {
        struct timeval patience = {.tv_sec = 2};
        int client = accept(listener, NULL, NULL);
        if (client < 0) continue;
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (read(client, request, sizeof request) > 0) send(client, answer, strlen(answer), 0);
        shutdown(client, SHUT_WR);
        while (read(client, request, sizeof request) > 0);
        close(client);
    }
}

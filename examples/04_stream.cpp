// A TCP connection inside one process that takes the short way: both ends are adopted, and what they say to each other
// goes through rings as soon as both have called.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <ferrule/net/stream.hpp>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

using ferrule::net::stream;

// As everybody does it: nothing of the library's in here.
static std::pair<int, int> connect_to_oneself() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    bind(listener, generic, size);
    listen(listener, 1);
    getsockname(listener, generic, &size);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connect(client, generic, size);
    const int server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    close(listener);
    return {client, server};
}

static void shout_back(stream& connection) {
    char text[512];
    while (const std::size_t n = connection.recv(std::as_writable_bytes(std::span{text})).value_or(0)) {
        for (char& c : std::span{text, n}) {
            c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
        if (!connection.send(std::as_bytes(std::span{text, n}))) {
            return;  // nobody listens any more
        }
    }
}

int main() {
    const auto [client_fd, server_fd] = connect_to_oneself();
    stream client = stream::adopt(client_fd);  // a descriptor each, and from here on theirs
    std::thread server{[connection = stream::adopt(server_fd)]() mutable { shout_back(connection); }};

    constexpr std::string_view question = "is anybody there?";
    char answer[question.size()];
    for (int i = 0; i != 1000; ++i) {
        if (!client.send(std::as_bytes(std::span{question}))) {
            return 1;
        }
        for (std::size_t n = 0; n != question.size();) {
            const auto received = client.recv(std::as_writable_bytes(std::span{answer}.subspan(n)));
            if (!received || *received == 0) {
                return 1;
            }
            n += *received;
        }
    }
    std::printf("%.*s\nby the %s\n", static_cast<int>(sizeof answer), answer, to_string(client.route()).data());
    client.close();
    server.join();
}

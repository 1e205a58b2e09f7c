#include "workers.hpp"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace ferrule::model {
namespace {

struct worker {
    std::size_t job;
    pid_t process;
    int from;
    std::string said{};
};

unsigned processors() {
    ::cpu_set_t ours;
    return ::sched_getaffinity(0, sizeof ours, &ours) == 0 ? static_cast<unsigned>(CPU_COUNT(&ours)) : 1;
}

[[noreturn]] void do_job(const std::function<std::string(std::size_t)>& work, std::size_t job, int to) {
    const std::string all = work(job);
    for (std::size_t sent = 0; sent != all.size();) {
        const ssize_t n = ::write(to, all.data() + sent, all.size() - sent);
        if (n <= 0) {
            ::_exit(1);
        }
        sent += static_cast<std::size_t>(n);
    }
    ::_exit(0);
}

worker hire(const std::function<std::string(std::size_t)>& work, std::size_t job) {
    std::fflush(nullptr);
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) {
        std::abort();
    }
    const pid_t process = ::fork();
    if (process == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // Nobody is left to hear the answer.
        ::close(ends[0]);
        do_job(work, job, ends[1]);
    }
    ::close(ends[1]);
    return {job, process, ends[0]};
}

/// False once it has said all it had to say.
bool listen(worker& to) {
    std::array<char, 4096> part{};
    const ssize_t n = ::read(to.from, part.data(), part.size());
    to.said.append(part.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return n > 0;
}

answer dismiss(worker& one) {
    ::close(one.from);
    int status = 0;
    ::waitpid(one.process, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? answer{std::move(one.said)} : std::nullopt;
}

void let_go(std::vector<worker>& all) {
    for (worker& one : all) {
        ::kill(one.process, SIGKILL);
        (void)dismiss(one);
    }
}

void wait_for_any(const std::vector<worker>& all) {
    std::vector<::pollfd> watched;
    for (const worker& one : all) {
        watched.push_back({one.from, POLLIN, 0});
    }
    ::poll(watched.data(), watched.size(), -1);
}

bool has_something_to_say(const worker& one) {
    ::pollfd watched{one.from, POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
}

}  // namespace

void in_parallel(std::size_t count, const std::function<std::string(std::size_t)>& work,
                 const std::function<bool(std::size_t, const answer&)>& done) {
    std::vector<worker> hired;
    std::vector<std::optional<answer>> answers(count);
    std::size_t next = 0;
    for (std::size_t told = 0; told != count;) {
        while (next != count && hired.size() < processors()) {
            hired.push_back(hire(work, next++));
        }
        wait_for_any(hired);
        std::erase_if(hired, [&answers](worker& one) {
            if (!has_something_to_say(one) || listen(one)) {
                return false;
            }
            answers[one.job] = dismiss(one);
            return true;
        });
        for (; told != count && answers[told]; ++told) {
            if (!done(told, *answers[told])) {
                return let_go(hired);
            }
        }
    }
}

}  // namespace ferrule::model

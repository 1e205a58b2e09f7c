#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <ferrule/detail/native.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <thread>

namespace {

/// No test case leaves a thread behind, whichever way it ended.
class thread_counter : public doctest::IReporter {
public:
    explicit thread_counter(const doctest::ContextOptions& /*options*/) {}
    void test_case_start(const doctest::TestCaseData& test) override {
        name_ = test.m_name;
        before_ = threads();
    }
    void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override {
        // One that was joined may be in the list for a moment still.
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        while (threads() > before_ + of_the_runtime) {
            if (std::chrono::steady_clock::now() > until) {
                std::fprintf(stderr, "\"%s\" leaves a thread behind\n", name_);
                std::abort();
            }
            std::this_thread::yield();
        }
    }
    void report_query(const doctest::QueryData& /*data*/) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
    void test_case_reenter(const doctest::TestCaseData& /*test*/) override {}
    void test_case_exception(const doctest::TestCaseException& /*what*/) override {}
    void subcase_start(const doctest::SubcaseSignature& /*which*/) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData& /*data*/) override {}
    void log_message(const doctest::MessageData& /*data*/) override {}
    void test_case_skipped(const doctest::TestCaseData& /*test*/) override {}

private:
#if defined(FERRULE_TSAN)
    static constexpr std::ptrdiff_t of_the_runtime = 1;  // ThreadSanitizer's, which begins when it sees fit.
#else
    static constexpr std::ptrdiff_t of_the_runtime = 0;
#endif

    [[nodiscard]] static std::ptrdiff_t threads() {
        std::error_code none;
        return std::distance(std::filesystem::directory_iterator{"/proc/self/task", none},
                             std::filesystem::directory_iterator{});
    }

    const char* name_ = "";
    std::ptrdiff_t before_ = 0;
};

REGISTER_LISTENER("threads", 1, thread_counter);

}  // namespace

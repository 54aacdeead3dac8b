// Cuts the power at every write of a board's wearer, and checks what the next start knows.
//
// Each save follows an accepted beat, a new wearer, or the end of learning. Usage:
// board_wearer_cuts SEED CHAINS. Prints the number of cuts.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "board_wearer.h"
#include "cut_memory.h"

using vigil::BoardWearer;
using vigil::SlotStore;
using vigil::Span;
using vigil::link::WearerAction;
using vigil::link::WearerReport;
using vigil::link::WearerRequest;
using vigil::link::WearerStorage;

namespace {

constexpr vigil::WearerConfig kConfig{vigil::WearerScore::forms, 1, 1, 8, 1, 4};
constexpr std::size_t kWindow = 10;
constexpr std::uint8_t kModel[8] = {1, 2, 3, 4, 5, 6, 7, 8};
constexpr std::size_t kStateWords = sizeof(vigil::WearerState) / 4 + vigil::kWearerForms * 8;
constexpr std::size_t kRecord = BoardWearer::kHeader + SlotStore::kOverhead + kStateWords;

std::mt19937 random_word;
using Words = std::vector<std::uint32_t>;

// A board from its start until its power is cut.
struct Board {
    explicit Board(CutMemory& memory) : board(kModel, wearer, memory, record) {
        board.begin();
        board.stream_began(0, 0);
    }
    void beat(int height) {
        std::int16_t counts[kWindow] = {};
        for (std::int16_t& count : counts) count = static_cast<std::int16_t>(random_word() % 8);
        counts[4] = static_cast<std::int16_t>(height);
        const bool judged = wearer.learned();
        const float score = wearer({counts, kWindow}, 100, 0);
        if (judged) wearer.decided(window++, {counts, kWindow}, score > 2, false);
        board.took_window();
    }
    // Changes what is known, so that a save is due; what it will hold.
    Words change() {
        WearerRequest request{};
        if (!wearer.learned()) {
            while (!wearer.learned()) beat(1000);
        } else if (random_word() % 3 == 0) {
            request.action = static_cast<std::uint8_t>(WearerAction::renew);
            request.number = static_cast<std::uint32_t>(random_word() | 1U);
            board.request(request);
        } else {
            beat(-3000 - static_cast<int>(random_word() % 1000));
            request.action = static_cast<std::uint8_t>(WearerAction::accept);
            request.window = window - 1;
            if (!board.request(request)) {
                std::printf("not accepted\n");
                std::exit(1);
            }
        }
        return words();
    }
    void save() {
        for (int i = 0; i < 4; ++i) board.poll();
    }
    Words words() {
        Words all(kStateWords);
        wearer.store(all.data());
        return all;
    }
    WearerStorage storage() {
        WearerReport report{};
        board.describe(report);
        return static_cast<WearerStorage>(report.memory);
    }

    std::uint64_t window = 0;
    vigil::WearerMemory<8> memory{};
    vigil::Wearer wearer{kConfig, memory};
    std::uint32_t record[kRecord] = {};
    BoardWearer board;
};

[[noreturn]] void fail(const char* what, long operation) {
    std::printf("%s: cut at operation %ld\n", what, operation);
    std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    random_word.seed(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1);
    const int chains = argc > 2 ? std::atoi(argv[2]) : 10;
    constexpr long kOperations = 2 + kRecord;  // two pieces of an erase, and words
    long cuts = 0;
    for (int chain = 0; chain < chains; ++chain) {
        CutMemory memory(random_word, 128);
        Words kept(
            kStateWords);  // what must not be lost; at first a wearer of whom nothing is known
        for (long operation = 0; operation <= kOperations; ++operation) {
            Words next;
            {
                Board board(memory);
                if (board.words() != kept) fail("neither old nor new", operation);
                const long before = memory.operations();
                next = board.change();
                memory.cut_at(operation);
                board.save();
                if (operation == 0) {
                    if (memory.operations() - before != kOperations) fail("not saved", operation);
                    const bool learned = board.wearer.learned();
                    if (board.storage() != (learned ? WearerStorage::kept : WearerStorage::none))
                        fail("not said", operation);
                    kept = next;
                } else if (!memory.is_dead()) {
                    fail("no cut", operation);
                } else {
                    ++cuts;
                }
            }
            memory.power_up();
            if (Board(memory).words() == next) kept = next;
        }
    }
    std::printf("%ld cuts\n", cuts);
}

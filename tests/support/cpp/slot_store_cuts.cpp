// Cuts the power at every write of a slot store, and checks what the next start finds. Usage:
// slot_store_cuts SEED CHAINS. Prints the number of cuts.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "cut_memory.h"
#include "slot_store.h"

namespace {

constexpr std::size_t kSlotWords = 24;
constexpr std::size_t kPayload = 7;
constexpr std::uint32_t kVersion = 0x56430001;

std::mt19937 random_word;

struct Store {
    explicit Store(CutMemory& memory) : store(memory, kVersion, record) {}
    std::uint32_t record[kPayload + vigil::SlotStore::kOverhead] = {};
    vigil::SlotStore store;
};

// A payload that depends on one number, so that a mixture of two is noticed.
std::uint32_t word_of(std::uint32_t number, std::size_t i) {
    return number * 2654435761U + static_cast<std::uint32_t>(i) * 40503U;
}
bool save(CutMemory& memory, Store& s, std::uint32_t number) {
    s.store.prepare();
    for (std::size_t i = 0; i < kPayload; ++i) s.store.payload()[i] = word_of(number, i);
    return s.store.save() && !memory.is_dead();
}
bool holds(Store& s, std::uint32_t number) {
    for (std::size_t i = 0; i < kPayload; ++i) {
        if (s.store.payload()[i] != word_of(number, i)) return false;
    }
    return true;
}
[[noreturn]] void fail(const char* what, std::uint32_t number, long operation) {
    std::printf("%s: record %u, cut at operation %ld\n", what, number, operation);
    std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    random_word.seed(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1);
    const int chains = argc > 2 ? std::atoi(argv[2]) : 100;
    long cuts = 0;
    for (int chain = 0; chain < chains; ++chain) {
        CutMemory memory(random_word, kSlotWords);
        std::uint32_t kept = 0;  // number of the record that must not be lost; 0: none yet
        std::uint32_t number = 0;
        // A save takes one erase and kPayload + kOverhead words; each is cut once per chain, and
        // the memory stays as the cut left it.
        const long operations = 1 + kPayload + vigil::SlotStore::kOverhead;
        for (long operation = 0; operation <= operations; ++operation) {
            {
                Store s(memory);
                s.store.load();
                const long before = memory.operations();
                memory.cut_at(operation);
                const bool saved = save(memory, s, ++number);
                if (operation == 0) {
                    if (!saved || memory.operations() - before != operations)
                        fail("not saved", number, operation);
                    kept = number;
                } else if (!memory.is_dead()) {
                    fail("no cut", number, operation);
                } else {
                    ++cuts;
                }
            }
            memory.power_up();
            Store s(memory);
            if (!s.store.load()) fail("lost", kept, operation);
            // The record that was being written counts only if it is complete.
            if (holds(s, number)) {
                kept = number;
            } else if (!holds(s, kept)) {
                fail("neither old nor new", kept, operation);
            }
            // Now and then a save without a cut, so that both slots take turns.
            if (random_word() % 3 == 0) {
                if (!save(memory, s, ++number)) fail("not saved", number, operation);
                kept = number;
            }
        }
    }
    std::printf("%ld cuts\n", cuts);
}

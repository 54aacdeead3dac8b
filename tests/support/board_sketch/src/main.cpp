// Obeys one-line commands on the serial port, each a letter and a number, so that a test can try
// what the emulated board has. Answers are lines too.
#include <Arduino.h>
#include <Wire.h>
#include <adc.h>
#include <assert.h>
#include <board.h>
#include <emulated.h>

namespace board = vigil::board;

extern "C" uint32_t __flash_start[], __ram_end[];

namespace {

#if defined(FILL_FLASH)
const uint8_t filler[FILL_FLASH] = {1};
#elif defined(FILL_SRAM)
volatile uint8_t filler[FILL_SRAM];
#else
uint8_t filler[1];
#endif

char line[32];
size_t length = 0;

void answer(const char* name, unsigned long value) {
    Serial.print(name);
    Serial.print(' ');
    Serial.println(value);
}

// Two instructions a turn, and no others.
void spin(uint32_t turns) {
#if defined(__riscv)
    asm volatile("1: addi %0, %0, -1\n bnez %0, 1b" : "+r"(turns));
#else
    asm volatile("1: subs %0, #1\n bne 1b" : "+r"(turns)::"cc");
#endif
}

void run_undefined_instruction() {
#if defined(__riscv)
    asm volatile("unimp");
#else
    asm volatile("udf #0");
#endif
}

uint32_t number(const char* digits) {
    uint32_t value = 0;
    for (; *digits >= '0' && *digits <= '9'; ++digits) {
        value = 10 * value + static_cast<uint32_t>(*digits - '0');
    }
    return value;
}

// Uses about `bytes` of stack, for real: every word is written.
[[gnu::noinline]] uint32_t use_stack(uint32_t bytes) {
    volatile uint8_t frame[256];
    for (volatile uint8_t& byte : frame) {
        byte = static_cast<uint8_t>(bytes);
    }
    return bytes <= sizeof(frame) ? frame[0] : use_stack(bytes - sizeof(frame)) + frame[1];
}

}  // namespace

// Work of every kind: loads, stores, multiplications, floating point, a division, calls. A test
// counts its instructions a second time, in another emulator.
extern "C" [[gnu::noinline]] uint32_t mixed_work(uint32_t rounds) {
    static uint32_t table[16];
    uint32_t state = 1;
    float sum = 0;
    for (uint32_t i = 0; i < rounds; ++i) {
        state = state * 1664525U + 1013904223U;
        table[state >> 28U] += state ^ i;
        sum += static_cast<float>(state >> 16U) * 0.5F;
        if ((state & 0x40000000U) != 0) {
            state += 1000000007U / (i + 1);
        }
    }
    return state ^ table[3] ^ static_cast<uint32_t>(sum);
}

extern "C" [[gnu::noinline]] uint32_t no_work(uint32_t rounds) {
    asm volatile("" ::: "memory");
    return rounds;
}

namespace {

struct Sums {
    int32_t floats;   // in the floating point unit's registers
    int32_t vectors;  // in vectors of 16 values, where the core has them
};

bool operator!=(const Sums& a, const Sums& b) {
    return a.floats != b.floats || a.vectors != b.vectors;
}

// The vectors sum the values above -50, by a loop whose last turn leaves lanes out.
[[gnu::noinline]] Sums sums_of(const int8_t* values, uint32_t length) {
    float even = 1;
    float odd = 2;
    int32_t sum = 0;
    for (uint32_t i = 0; i + 1 < length; i += 2) {
        even = even * 0.75F + static_cast<float>(values[i]);
        odd = odd * 0.5F + static_cast<float>(values[i + 1]);
#if defined(__ARM_FEATURE_MVE)
        const int8_t* from = values;
        asm volatile(
            "wlstp.8 lr, %[length], 2f\n"
            "1: vldrb.8 q4, [%[from]], #16\n"
            "vpt.s8 gt, q4, %[least]\n"
            "vmladavat.s8 %[sum], q4, q4\n"
            "letp lr, 1b\n"
            "2:\n"
            : [sum] "+Te"(sum), [from] "+r"(from)
            : [length] "r"(length), [least] "r"(-50)
            : "lr", "q4", "memory");
#endif
    }
    return {static_cast<int32_t>(even * odd * 16.0F), sum};
}

constexpr int8_t kValues[] = {3,  -14, 15, -92, 65, -35, 89, -79, 32, -38, 46, -26,
                              43, -38, 32, -79, 50, -28, 84, -19, 71, -69, 39};
constexpr uint32_t kHandlersLength = 21;

// Errors that make an interrupt lose a register, to show that play() notices.
enum class Break : uint32_t {
    nothing,
    frame,   // the processor leaves the FPU's and the vectors' registers out of what it saves
    vector,  // the handler changes a vector that its caller owns
};

struct Disturbed {
    Sums expected;
    Break broken;
    volatile uint32_t wrong;
    volatile uint32_t frames;
};
Disturbed disturbed;

void disturb(const int16_t*) {
    disturbed.wrong = disturbed.wrong + (sums_of(kValues, kHandlersLength) != disturbed.expected);
    disturbed.frames = disturbed.frames + 1;
#if defined(__ARM_FEATURE_MVE)
    if (disturbed.broken == Break::vector) {
        asm volatile("vmov.i8 q4, #1");  // the compiler does not know, and saves nothing
    }
#endif
}

// Turns off what makes the processor save the registers in an interrupt: ASPEN and LSPEN of FPCCR,
// and FPCA of CONTROL, which says that the program has used them.
void save_no_frame() {
#if defined(__ARM_FP)
    *reinterpret_cast<volatile uint32_t*>(0xE000EF34U) &= ~(3U << 30U);
    asm volatile("msr control, %0\n isb" ::"r"(0) : "memory");
#endif
}

// Plays the converter's recording at a fixed rate while the interrupt that each frame causes
// computes with the same registers. Answers how often the handler was wrong, and the program's
// sums.
void play(Break broken) {
    constexpr float kRate = 1000;
    if (!emulated_adc_begin(1)) {
        return answer("frames", 0);
    }
    const Sums expected = sums_of(kValues, sizeof(kValues));
    disturbed = {sums_of(kValues, kHandlersLength), broken, 0, 0};
    if (broken == Break::frame) {
        save_no_frame();
    }
    const uint64_t start = emulated_nanoseconds();
    emulated_adc_start(kRate, 0, disturb);
    uint32_t floats = 0;
    uint32_t vectors = 0;
    while (!emulated_adc_ended()) {
        const Sums sums = sums_of(kValues, sizeof(kValues));
        floats += sums.floats != expected.floats;
        vectors += sums.vectors != expected.vectors;
    }
    answer("frames", disturbed.frames);
    answer("handler", disturbed.wrong);
    answer("floats", floats);
    answer("vectors", vectors);
    answer("us", static_cast<unsigned long>((emulated_nanoseconds() - start) / 1000U));
}

template <typename Function>
uint32_t count(Function function) {
    const uint32_t start = board::counter();
    function();
    return board::counter() - start;
}

void report() {
    Serial.print("name ");
    Serial.println(board::name());
    Serial.print("unit ");
    Serial.println(board::counter_unit());
    Serial.print("cache ");
    Serial.println(board::describe(board::instruction_cache()));
    answer("hz", board::counter_hz());
    answer("boot", board::boot_id());
    answer("stack_size", board::stack_size());
    answer("stack_used", board::stack_used());
    answer("heap_used", emulated_heap_used());
    answer("filler", filler[board::stack_used() % sizeof(filler)]);
    Serial.println("end");
}

void print_everything() {
    Serial.println("text");
    Serial.println('c');
    Serial.println(-12);
    Serial.println(34U);
    Serial.println(255, HEX);
    Serial.println(5, BIN);
    Serial.println(-2147483647L - 1);
    Serial.println(18446744073709551615ULL);
    Serial.println(3.14159);
    Serial.println(-0.5F, 4);
    Serial.println(0.9999, 2);
    Serial.println(static_cast<uint8_t>(200));
    Serial.write("raw", 3);
    Serial.println();
}

void send(uint32_t bytes) {
    uint8_t block[100];
    for (size_t i = 0; i < sizeof(block); ++i) {
        block[i] = static_cast<uint8_t>(i);
    }
    uint32_t sent = 0;
    for (uint32_t left = bytes; left > 0;) {
        const size_t size = left < sizeof(block) ? left : sizeof(block);
        sent += Serial.write(block, size);
        left -= size;
    }
    answer("sent", sent);
}

void take(uint32_t bytes) {
    uint32_t sum = 0;
    uint32_t got = 0;
    while (got < bytes) {
        const int byte = Serial.read();
        if (byte < 0) {
            yield();
            continue;
        }
        sum = sum * 31U + static_cast<uint32_t>(byte);
        ++got;
    }
    answer("sum", sum);
}

void obey(char command, uint32_t number) {
    volatile uint32_t zero = 0;
    switch (command) {
        case 'i':
            return report();
        case 'c':
            return answer("count", count([=] { spin(number); }));
        case 'm':
            return answer("count", count([=] { mixed_work(number); }));
        case 'n':
            return answer("count", count([=] { no_work(number); }));
        case 'p':
            return print_everything();
        case 's':
            return answer("deep", use_stack(number));
        case 'h':
            return answer("heap", malloc(number) != nullptr);
        case 'l':
            pinMode(LED_BUILTIN, OUTPUT);
            digitalWrite(LED_BUILTIN, number != 0 ? HIGH : LOW);
            return answer("led", digitalRead(LED_BUILTIN));
        case 'd': {
            const unsigned long start = micros();
            delay(number);
            return answer("us", micros() - start);
        }
        case 'b':
            return send(number);
        case 't':
            return take(number);
        case 'v':
            return play(static_cast<Break>(number));
        case 'r':
            board::reboot();
        case 'x':
            exit(static_cast<int>(number));
        // Faults. Each ends the emulator.
        case 'O':
            use_stack(100000);
            break;
        case 'F':
            *static_cast<volatile uint32_t*>(__flash_start + 1024) = 1;
            break;
        case 'R':
            answer("read", *static_cast<volatile uint32_t*>(__ram_end));
            break;
        case 'U':
            run_undefined_instruction();
            break;
        case 'D':
            answer("quotient", 1000 / zero);
            break;
        case 'C':
            reinterpret_cast<void (*)()>(0x30000001)();
            break;
        case 'A':
            abort();
        case 'E':
            assert(number == 1);
            break;
    }
    answer("unknown", static_cast<unsigned long>(command));
}

}  // namespace

void setup() {
    board::begin();
    Serial.begin(115200);
}

void loop() {
    while (Serial.available() > 0) {
        const char c = static_cast<char>(Serial.read());
        if (c != '\n') {
            if (length < sizeof(line) - 1) {
                line[length++] = c;
            }
            continue;
        }
        line[length] = '\0';
        length = 0;
        obey(line[0], number(line + 1));
    }
}

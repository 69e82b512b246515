// From token bytes to text that can be sent: whole characters, and nothing of a stop text.

#include "check.h"
#include "stop-text.h"
#include "utf8-hold.h"

#include <random>
#include <string>
#include <vector>

using namespace bllossom;

namespace {

const std::string bad = "\xEF\xBF\xBD"; // U+FFFD

// --- utf8_hold -----------------------------------------------------------------------------------------------------

/** A decoder of another make: by code point ranges and from the whole text at once. */
std::string reference(const std::string & bytes) {
    const auto legal_prefix = [&](size_t at, size_t n) { // can s[at, at+n) begin a character?
        static const std::vector<std::pair<uint32_t, uint32_t>> ranges = {
            {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};
        for (const auto & [low, high] : ranges) {
            const size_t length = high <= 0x7FF ? 2 : high <= 0xFFFF ? 3 : 4;
            const uint32_t lead = length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0;
            const uint32_t mask = length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07;
            const auto first    = uint8_t(bytes[at]);
            if (n > length || (first & ~mask & 0xFF) != lead) {
                continue;
            }
            uint32_t code = first & mask;
            bool tail     = true;
            for (size_t i = 1; i < n; i++) {
                tail = tail && (uint8_t(bytes[at + i]) & 0xC0) == 0x80;
                code = code << 6 | (uint8_t(bytes[at + i]) & 0x3F);
            }
            const uint32_t shift = uint32_t(6 * (length - n)); // the code points that this prefix may still become
            if (tail && (code << shift) <= high && ((code + 1) << shift) > low) {
                return n == length ? 2 : 1;
            }
        }
        return 0;
    };
    std::string out;
    for (size_t at = 0; at < bytes.size();) {
        if (uint8_t(bytes[at]) < 0x80) {
            out += bytes[at++];
            continue;
        }
        size_t n = 0, whole = 0;
        while (at + n < bytes.size() && n < 4) {
            const int state = legal_prefix(at, n + 1);
            if (state == 0) {
                break;
            }
            n++;
            if (state == 2) {
                whole = n;
                break;
            }
        }
        out += whole ? bytes.substr(at, whole) : bad;
        at += n ? n : 1;
    }
    return out;
}

/** Pushed in two pieces, cut at `cut`; every piece that comes out must be whole characters. */
std::string pushed(const std::string & bytes, size_t cut) {
    utf8_hold hold;
    const std::string first = hold.push(std::string_view(bytes).substr(0, cut));
    const std::string rest  = hold.push(std::string_view(bytes).substr(cut));
    CHECK(reference(first) == first && reference(rest) == rest);
    return first + rest + hold.finish();
}

void characters_survive_every_cut() {
    const std::string text = "한국어 모델, \xF0\x9F\x98\x80 caf\xC3\xA9 \xF0\x9F\x87\xB0\xF0\x9F\x87\xB7 끝";
    for (size_t cut = 0; cut <= text.size(); cut++) {
        CHECK(pushed(text, cut) == text);
    }
    utf8_hold hold;
    std::string byte_by_byte;
    for (const char c : text) {
        byte_by_byte += hold.push(std::string(1, c));
    }
    CHECK(byte_by_byte == text && hold.finish().empty());
}

void an_incomplete_character_waits() {
    utf8_hold hold;
    CHECK(hold.push("\xED\x95").empty());
    CHECK(hold.push("").empty());
    CHECK(hold.push("\x9C") == "한");
    CHECK(hold.push("a\xF0\x9F\x98") == "a");
    CHECK(hold.finish() == bad); // one for the whole prefix
    CHECK(hold.finish().empty());
    CHECK(hold.push("b") == "b");
}

void wrong_bytes_are_replaced_by_maximal_subparts() {
    const std::vector<std::pair<std::string, int>> cases = {
        {"\x80", 1},                 // a continuation alone
        {"\xC0\xAF", 2},             // overlong
        {"\xC1\xBF", 2},             //
        {"\xE0\x80\xAF", 3},         // overlong: E0 must not be followed by 80
        {"\xF0\x80\x80\x80", 4},     //
        {"\xED\xA0\x80", 3},         // a surrogate
        {"\xF4\x90\x80\x80", 4},     // above U+10FFFF
        {"\xF5", 1},                 //
        {"\xFF", 1},                 //
        {"\xE2\x82", 1},             // cut short: one for the prefix
        {"\xF0\x9F\x98", 1},         //
        {"\xF0\x9F\xED\x95\x9C", 1}, // a prefix, then a whole character
    };
    for (const auto & [bytes, n] : cases) {
        std::string expected = "a";
        for (int i = 0; i < n; i++) {
            expected += bad;
        }
        expected += bytes.size() == 5 ? "한b" : "b";
        for (size_t cut = 0; cut <= bytes.size() + 2; cut++) {
            CHECK(pushed("a" + bytes + "b", cut) == expected);
        }
    }
}

void random_bytes_decode_as_the_reference_does() {
    std::mt19937 random(7);
    const std::string likely = "\x80\xBF\xC2\xE0\xED\xF0\xF4\x9F\x90\xA0\x41";
    for (int round = 0; round < 20000; round++) {
        std::string bytes;
        for (size_t n = random() % 12; n > 0; n--) {
            bytes += random() % 2 ? char(random() % 256) : likely[random() % likely.size()];
        }
        CHECK(pushed(bytes, random() % (bytes.size() + 1)) == reference(bytes));
    }
}

// --- stop_text -----------------------------------------------------------------------------------------------------

struct stopped {
    std::string text;
    bool found;
};

stopped run(const std::vector<std::string> & stops, const std::vector<std::string> & pieces) {
    stop_text filter(stops);
    stopped result{"", false};
    for (const auto & piece : pieces) {
        result.text += filter.push(piece);
    }
    result.found = filter.found();
    result.text += filter.finish();
    return result;
}

void stops_are_found_across_pieces() {
    const std::string text = "one END two END";
    for (size_t a = 0; a <= text.size(); a++) {
        for (size_t b = a; b <= text.size(); b++) {
            const stopped result = run({"END"}, {text.substr(0, a), text.substr(a, b - a), text.substr(b)});
            CHECK(result.found && result.text == "one ");
        }
    }
}

void a_beginning_is_held_and_given_back() {
    stop_text filter({"</end>"});
    CHECK(filter.push("a</") == "a");
    CHECK(filter.push("en") == "");
    CHECK(filter.push("e") == "</ene");
    CHECK(filter.push("</end") == "");
    CHECK(!filter.found() && filter.finish() == "</end" && filter.finish().empty());
}

void the_earliest_of_overlapping_stops_wins() {
    CHECK(run({"bcd", "abc"}, {"xabcd"}).text == "x");
    CHECK(run({"abcd", "bc"}, {"xabcd"}).text == "x"); // both are complete: the one that began first
    CHECK(run({"abcd", "bc"}, {"xab", "ce"}).text == "xa");
    CHECK(run({"aab"}, {"a", "a", "a", "b"}).text == "a"); // the held text begins anew inside itself
    CHECK(run({"abab"}, {"ab", "aab", "ab"}).text == "aba" + std::string("")); // ab|aabab -> aba + abab
    CHECK(!run({"zz"}, {"abc"}).found && run({}, {"abc"}).text == "abc");
    CHECK(run({"a"}, {"a"}).text.empty());
}

void nothing_comes_after_a_stop() {
    stop_text filter({"S"});
    CHECK(filter.push("abSdef") == "ab");
    CHECK(filter.push("more").empty() && filter.finish().empty() && filter.found());
}

void a_stop_inside_a_held_character_is_found_when_it_is_whole() {
    const std::string text = "가나다라", stop = "다";
    utf8_hold hold;
    stop_text filter({stop});
    std::string sent;
    for (const char c : text) {
        sent += filter.push(hold.push(std::string(1, c)));
    }
    sent += filter.push(hold.finish()) + filter.finish();
    CHECK(filter.found() && sent == "가나");
}

void random_streams_equal_a_search_in_the_whole_text() {
    std::mt19937 random(11);
    const auto word = [&](size_t longest) {
        std::string text;
        for (size_t n = 1 + random() % longest; n > 0; n--) {
            text += char('a' + random() % 2);
        }
        return text;
    };
    for (int round = 0; round < 5000; round++) {
        const std::vector<std::string> stops = {word(5), word(5)};
        std::vector<std::string> pieces;
        std::string text;
        for (size_t n = random() % 8; n > 0; n--) {
            pieces.push_back(word(4));
            text += pieces.back();
        }
        const stopped result = run(stops, pieces);
        if (!result.found) {
            CHECK(text.find(stops[0]) == std::string::npos && text.find(stops[1]) == std::string::npos);
            CHECK(result.text == text);
        } else { // a stop text stands where the output ends, and none is complete before
            CHECK(text.compare(0, result.text.size(), result.text) == 0);
            const size_t at = result.text.size();
            CHECK(text.compare(at, stops[0].size(), stops[0]) == 0 || text.compare(at, stops[1].size(), stops[1]) == 0);
            CHECK(result.text.find(stops[0]) == std::string::npos && result.text.find(stops[1]) == std::string::npos);
        }
    }
}

} // namespace

int main() {
    characters_survive_every_cut();
    an_incomplete_character_waits();
    wrong_bytes_are_replaced_by_maximal_subparts();
    random_bytes_decode_as_the_reference_does();
    stops_are_found_across_pieces();
    a_beginning_is_held_and_given_back();
    the_earliest_of_overlapping_stops_wins();
    nothing_comes_after_a_stop();
    a_stop_inside_a_held_character_is_found_when_it_is_whole();
    random_streams_equal_a_search_in_the_whole_text();
    return check::summary();
}

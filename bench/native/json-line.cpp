#include "json-line.h"

#include "error.h"

#include <cmath>
#include <cstdio>

namespace bench {

namespace {

std::string quoted(const std::string & text) {
    std::string json = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            json += '\\';
        }
        json += (unsigned char) c < 0x20 ? bllossom::format("\\u%04x", c) : std::string(1, c);
    }
    return json + '"';
}

std::string number(double value) {
    return std::isfinite(value) ? bllossom::format("%.9g", value) : "null";
}

} // namespace

json_line & json_line::put(const std::string & key, const std::string & json) {
    members_ += (members_.empty() ? "" : ", ") + quoted(key) + ": " + json;
    return *this;
}

json_line & json_line::add(const std::string & key, const std::string & value) {
    return put(key, quoted(value));
}

json_line & json_line::add(const std::string & key, bool value) {
    return put(key, value ? "true" : "false");
}

json_line & json_line::add(const std::string & key, double value) {
    return put(key, number(value));
}

json_line & json_line::add(const std::string & key, const std::vector<double> & values) {
    std::string list;
    for (const double value : values) {
        list += (list.empty() ? "" : ", ") + number(value);
    }
    return put(key, "[" + list + "]");
}

void json_line::print() const {
    std::printf("{%s}\n", members_.c_str());
    std::fflush(stdout);
}

} // namespace bench

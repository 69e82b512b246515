#include "arguments.h"

#include "error.h"

#include <cstdlib>

namespace bench {

using bllossom::error;
using bllossom::error_code;
using bllossom::format;

namespace {

[[noreturn]] void refuse(const std::string & what) {
    throw error(error_code::invalid_option, what);
}

} // namespace

arguments::arguments(const std::vector<std::string> & given) {
    for (size_t i = 0; i < given.size(); i++) {
        if (given[i].rfind("--", 0) != 0) {
            words_.push_back(given[i]);
            continue;
        }
        if (i + 1 == given.size()) {
            refuse(given[i] + " needs a value");
        }
        if (!options_.emplace(given[i].substr(2), given[i + 1]).second) {
            refuse(given[i] + " is given twice");
        }
        i++;
    }
}

const std::string & arguments::word(size_t place, const char * what) const {
    if (place >= words_.size()) {
        refuse(format("%s is missing", what));
    }
    return words_[place];
}

const std::string * arguments::find(const std::string & name) const {
    used_.insert(name);
    const auto found = options_.find(name);
    return found == options_.end() ? nullptr : &found->second;
}

std::string arguments::text(const std::string & name, const std::string & fallback) const {
    const std::string * value = find(name);
    return value != nullptr ? *value : fallback;
}

int64_t arguments::integer(const std::string & name, int64_t fallback, int64_t low, int64_t high) const {
    const std::string * value = find(name);
    if (value == nullptr) {
        return fallback;
    }
    char * end           = nullptr;
    const long long read = strtoll(value->c_str(), &end, 10);
    if (value->empty() || *end != '\0' || read < low || read > high) {
        refuse(format("--%s is %s; it must be a whole number from %lld to %lld", name.c_str(), value->c_str(),
                      (long long) low, (long long) high));
    }
    return read;
}

double arguments::real(const std::string & name, double fallback, double low, double high) const {
    const std::string * value = find(name);
    if (value == nullptr) {
        return fallback;
    }
    char * end        = nullptr;
    const double read = strtod(value->c_str(), &end);
    if (value->empty() || *end != '\0' || !(read >= low && read <= high)) {
        refuse(format("--%s is %s; it must be a number from %g to %g", name.c_str(), value->c_str(), low, high));
    }
    return read;
}

void arguments::check_all_used() const {
    for (const auto & [name, value] : options_) {
        if (used_.count(name) == 0) {
            refuse(format("this command has no option --%s (given as %s)", name.c_str(), value.c_str()));
        }
    }
}

} // namespace bench

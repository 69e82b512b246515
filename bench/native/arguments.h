#pragma once
// A command line: words, and options as `--name value`.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace bench {

class arguments {
  public:
    /** Throws error{invalid_option} for an option without a value or given twice. */
    explicit arguments(const std::vector<std::string> & given);

    /** The word at a place. Throws error{invalid_option}, naming `what`, when there are fewer. */
    const std::string & word(size_t place, const char * what) const;

    // The value of an option, or the fallback. Throw error{invalid_option} for what is no number within [low, high].
    std::string text(const std::string & name, const std::string & fallback) const;
    int64_t integer(const std::string & name, int64_t fallback, int64_t low, int64_t high) const;
    double real(const std::string & name, double fallback, double low, double high) const;

    /** Throws error{invalid_option} when an option was given that nobody asked for. */
    void check_all_used() const;

  private:
    const std::string * find(const std::string & name) const;

    std::vector<std::string> words_;
    std::map<std::string, std::string> options_;
    mutable std::set<std::string> used_;
};

} // namespace bench

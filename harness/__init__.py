"""What tests, tools and benchmarks share: rendering, projects, servers, releases."""

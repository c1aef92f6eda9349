        (void)snprintf(name, sizeof name, "d%d/n%d", i % 4, i);
        put(s, name, name);
    }

/* What the API says, as JSON: processes, rooms, problems. */
#include "admin/members.h"
#include "admin/problem.h"
#include "admin/processes.h"
#include "admin/room.h"
#include "value/json.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct buf text;

static void check(const char *want)
{
    cr_assert(str_eq(buf_str(&text), str_of(want)), "got\n%.*s\nwant\n%s", STR_ARG(buf_str(&text)),
              want);
    struct buf value = {0};
    cr_assert(eq(int, json_parse(buf_str(&text), &value), ERR_OK));
    buf_finish(&value);
    buf_finish(&text);
}

Test(render, processes_with_figures_and_without)
{
    struct metrics metrics = {0};
    metrics.values[METRIC_ROOMS] = 3;
    metrics.values[METRIC_SESSIONS] = 4;
    metrics.values[METRIC_CONNECTIONS] = 5;
    struct process_usage usage = {1000, 1.25, 7, 1700000000.5};
    struct admin_process processes[] = {
        {.name = "worker-1",
         .id = "n-w1-x",
         .role = ROLE_WORKER,
         .has_slot = true,
         .part = "slot",
         .state = "ready",
         .detail = "",
         .version = "1.0",
         .pid = 42,
         .since_unix_ms = 1700000000123,
         .restarts = 2,
         .metrics = &metrics,
         .usage = &usage},
        {.name = "gateway-1",
         .id = "",
         .role = ROLE_GATEWAY,
         .part = "next",
         .state = "dead",
         .detail = "\"why\"",
         .version = "",
         .metrics = &metrics},
    };
    processes_render(processes, 2, &text);
    check(
        "{\"processes\":[{\"role\":\"worker\",\"name\":\"worker-1\",\"id\":\"n-w1-x\",\"pid\":42,"
        "\"state\":\"ready\",\"part\":\"slot\",\"since\":\"2023-11-14T22:13:20.123Z\",\"rooms\":3,"
        "\"sessions\":4,\"restarts\":2,\"started\":\"2023-11-14T22:13:20.500Z\","
        "\"memory_bytes\":1000,\"cpu_seconds\":1.250,\"version\":\"1.0\",\"detail\":null},"
        "{\"role\":\"gateway\",\"name\":\"gateway-1\",\"id\":null,\"pid\":null,\"state\":\"dead\","
        "\"part\":\"next\",\"since\":null,\"rooms\":null,\"sessions\":5,\"restarts\":0,"
        "\"started\":null,\"memory_bytes\":null,\"cpu_seconds\":null,\"version\":null,"
        "\"detail\":\"\\\"why\\\"\"}]}");
}

Test(render, a_list_of_no_processes_is_a_list)
{
    processes_render(NULL, 0, &text);
    check("{\"processes\":[]}");
}

Test(render, a_room_that_nobody_owns)
{
    struct admin_room room = {.name = STR("a/\"b\""), .node = STR("stale"), .epoch = 7};
    room_render(&room, &text);
    check(
        "{\"id\":\"a/\\\"b\\\"\",\"state\":\"closed\",\"owner\":null,\"worker\":null,"
        "\"node\":null,\"epoch\":7,\"clock\":0,\"records\":0,\"bytes\":0,\"sessions\":0,\"load\":0,"
        "\"created\":null,\"claimed\":null,\"updated\":null}");
}

Test(render, a_room_in_quarantine)
{
    struct admin_room room = {.name = STR("r"),
                              .state = ADMIN_ROOM_QUARANTINED,
                              .owner = STR("n-w1-x"),
                              .node = STR("n"),
                              .slot = "worker-1",
                              .sessions = 2,
                              .load = 42,
                              .updated = STR("then"),
                              .crashes = 3,
                              .crashed = STR("now"),
                              .crash_reason = STR("\xff is no text"),
                              .quarantined_until = 1700000000};
    room_render(&room, &text);
    check("{\"id\":\"r\",\"state\":\"quarantined\",\"owner\":\"n-w1-x\",\"worker\":\"worker-1\","
          "\"node\":\"n\",\"epoch\":0,\"clock\":0,\"records\":0,\"bytes\":0,\"sessions\":2,"
          "\"load\":42,"
          "\"created\":null,\"claimed\":null,\"updated\":\"then\",\"crashes\":3,"
          "\"crashed\":\"now\",\"crash_reason\":null,"
          "\"quarantined_until\":\"2023-11-14T22:13:20.000Z\"}");
}

Test(render, rooms_follow_each_other_with_commas)
{
    struct admin_room room = {.name = STR("r"), .crashed = STR("then")};
    buf_append_str(&text, STR("["));
    room_render(&room, &text);
    room_render(&room, &text);
    buf_append_str(&text, STR("]"));
    struct buf value = {0};
    cr_assert(eq(int, json_parse(buf_str(&text), &value), ERR_OK));
    struct value second = value_item(value_at(buf_head(&value)), 1);
    cr_assert(value_present(value_get(second, STR("crash_reason"))));
    cr_assert(not(value_present(value_get(second, STR("quarantined_until")))));
    buf_finish(&value);
    buf_finish(&text);
}

Test(render, a_problem_says_what_it_is_for_programs_and_people)
{
    problem_render(PROBLEM_NO_OWNER, STR("say \"when\""), &text);
    check("{\"type\":\"urn:roomd:problem:no-owner\",\"title\":\"The room has no owner now\","
          "\"status\":409,\"detail\":\"say \\\"when\\\"\"}\n");
}

Test(render, every_problem_has_a_status_of_its_class_and_a_type_of_its_own)
{
    struct buf all = {0};
    buf_append_byte(&all, '\n');
    for (int i = 0; i < PROBLEMS; i++) {
        cr_assert(problem_status(i) >= 400 && problem_status(i) < 600, "%d", i);
        cr_assert(problem_phrase(i)[0] != '\0');
        problem_render(i, STR("d"), &text);
        struct str whole = buf_str(&text);
        const char *comma = memchr(whole.ptr, ',', whole.len);
        struct str type = {whole.ptr, (size_t)(comma - whole.ptr)};
        cr_assert(zero(ptr, memmem(buf_head(&all), buf_len(&all), type.ptr, type.len)), "%.*s",
                  STR_ARG(type));
        buf_append_str(&all, type);
        buf_clear(&text, SIZE_MAX);
    }
    buf_finish(&text);
    buf_finish(&all);
}

Test(render, workers_and_nodes)
{
    struct admin_worker worker = {.id = STR("n-w1-a"),
                                  .node = STR("n"),
                                  .slot = "worker-1",
                                  .pid = 7,
                                  .rooms = 3,
                                  .sessions = 20,
                                  .cpu = 125,
                                  .points = 520,
                                  .load = 260,
                                  .weight = 2,
                                  .draining = true,
                                  .version = STR("1.2.3")};
    worker_render(&worker, &text);
    check("{\"id\":\"n-w1-a\",\"worker\":\"worker-1\",\"node\":\"n\",\"pid\":7,\"rooms\":3,"
          "\"sessions\":20,\"cpu\":125,\"weight\":2,\"points\":520,\"load\":260,"
          "\"draining\":true,\"in_reach\":false,\"version\":\"1.2.3\",\"seen\":null}");
    buf_clear(&text, SIZE_MAX);
    struct admin_node node = {.id = STR("n"), .workers = 2, .taking = 1, .weight = 1};
    node_render(&node, &text);
    check("{\"id\":\"n\",\"own\":false,\"workers\":2,\"taking\":1,\"rooms\":0,"
          "\"sessions\":0,\"cpu\":0,\"weight\":1,\"load\":0,\"draining\":false,"
          "\"draining_since\":null,\"version\":null}");
}

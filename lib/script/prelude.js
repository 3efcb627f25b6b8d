/* What a store or a storage migration is given, and what has become different by it
 * (SCHEMA_CALL_STORE, SCHEMA_CALL_STORAGE). ECMAScript 5.1; evaluates to an object of two functions. */
(function () {
  'use strict'
  var own = Object.prototype.hasOwnProperty

  function define(map, id, value) {
    Object.defineProperty(map, id, { value: value, writable: true, enumerable: true, configurable: true })
  }

  // before: the texts of all records, by id. What is falsy counts as gone.
  function difference(before, after) {
    var result = { puts: {}, deletes: [] }
    Object.keys(after).forEach(function (id) {
      if (after[id] && (!own.call(before, id) || before[id] !== JSON.stringify(after[id]))) {
        define(result.puts, id, after[id])
      }
    })
    Object.keys(before).forEach(function (id) {
      if (!own.call(after, id) || !after[id]) result.deletes.push(id)
    })
    return result
  }

  return {
    store: function (migrate, map) {
      var before = {}
      Object.keys(map).forEach(function (id) {
        define(before, id, JSON.stringify(map[id]))
      })
      return difference(before, migrate(map) || map)
    },

    storage: function (migrate, map) {
      var stored = {}
      var written = {}
      Object.keys(map).forEach(function (id) {
        define(stored, id, true)
      })
      migrate({
        get: function (id) {
          return own.call(map, id) ? map[id] : undefined
        },
        set: function (id, record) {
          define(map, id, record)
          define(written, id, true)
        },
        delete: function (id) {
          delete map[id]
          delete written[id]
        },
        keys: function () {
          return Object.keys(map)
        },
        values: function () {
          return Object.keys(map).map(function (id) {
            return map[id]
          })
        },
        entries: function () {
          return Object.keys(map).map(function (id) {
            return [id, map[id]]
          })
        },
      })
      var result = { puts: {}, deletes: [] }
      Object.keys(written).forEach(function (id) {
        define(result.puts, id, map[id])
      })
      Object.keys(stored).forEach(function (id) {
        if (!own.call(map, id)) result.deletes.push(id)
      })
      return result
    },
  }
})()

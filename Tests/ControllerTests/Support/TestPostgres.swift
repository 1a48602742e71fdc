import class TestSupport.PostgresServer

typealias TestPostgres = PostgresServer

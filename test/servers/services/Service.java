// SPDX-License-Identifier: Apache-2.0
// The service of traffic.ts with Java's built-in server, as one writes it. Usage: java Service PORT
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

public class Service {
    static byte[] text(HttpExchange exchange) {
        String path = exchange.getRequestURI().getPath();
        int size = Integer.parseInt(path.substring(path.lastIndexOf('/') + 1));
        return "0123456789".repeat(size / 10 + 1).substring(0, size).getBytes(StandardCharsets.US_ASCII);
    }

    static void answer(HttpExchange exchange, byte[] body) throws IOException {
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.getResponseHeaders().set("Content-Length", String.valueOf(body.length));
            exchange.sendResponseHeaders(200, -1);
        } else {
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
        }
        exchange.close();
    }

    public static void main(String[] args) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 0);
        server.createContext("/items/", exchange -> answer(exchange, text(exchange)));
        server.createContext("/orders", exchange -> {
            int got = exchange.getRequestBody().readAllBytes().length;
            answer(exchange, ("ordered " + got + "\n").getBytes(StandardCharsets.US_ASCII));
        });
        server.createContext("/streamed/", exchange -> {
            byte[] body = text(exchange);
            exchange.sendResponseHeaders(200, 0);
            try (OutputStream out = exchange.getResponseBody()) {
                for (int part = 0; part < 3; part++) {
                    int from = (int) ((long) part * body.length / 3);
                    out.write(body, from, (int) ((part + 1L) * body.length / 3) - from);
                }
            }
        });
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
    }
}

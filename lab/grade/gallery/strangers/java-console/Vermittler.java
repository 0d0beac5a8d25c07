import java.io.*;
import java.net.*;
import java.util.*;

public class Vermittler {
    private final Vector<PrintStream> abonnenten = new Vector<>();

    public static void main(String[] args) throws Exception {
        int port = args.length > 0 ? Integer.parseInt(args[0]) : 4711;
        ServerSocket lauscher = new ServerSocket(port);
        System.out.println("Vermittler läuft auf Port " + port);
        Vermittler v = new Vermittler();
        while (true) {
            Socket s = lauscher.accept();
            new Thread() {
                public void run() { v.bediene(s); }
            }.start();
        }
    }

    void bediene(Socket s) {
        String wer = s.getInetAddress().getHostAddress() + ":" + s.getPort();
        System.out.println("Neue Verbindung: " + wer);
        PrintStream aus = null;
        try {
            aus = new PrintStream(s.getOutputStream(), true, "UTF-8");
            BufferedReader ein = new BufferedReader(new InputStreamReader(s.getInputStream(), "UTF-8"));
            aus.println("Rolle?");
            String rolle = ein.readLine();
            if (rolle == null) return;
            System.out.println(wer + " meldet sich an als " + rolle);
            if (rolle.equalsIgnoreCase("subscriber")) abonnenten.add(aus);
            aus.println("OK " + rolle);
            String zeile;
            while ((zeile = ein.readLine()) != null && !zeile.equals("terminate")) {
                System.out.println("Nachricht von " + wer + ": " + zeile);
                if (!rolle.equalsIgnoreCase("publisher")) continue;
                synchronized (abonnenten) {
                    for (PrintStream a : abonnenten) a.println("Nachricht von " + wer + ": " + zeile);
                }
            }
        } catch (IOException e) {
            System.out.println("Fehler bei " + wer + ": " + e.getMessage());
        } finally {
            abonnenten.remove(aus);
            System.out.println("Verbindung beendet: " + wer);
            try { s.close(); } catch (IOException e) { }
        }
    }
}
